'use strict';

const identifier = {
  usage: 'Name of the deployment, as in --identifier demo (1 to 16 of a-z and 0-9, a letter first)',
  type: 'string',
  required: true,
};

const plain = { options: { identifier } };

/** The commands of osls that concern one deployment, each with --identifier added to its options. */
const commands = {
  deploy: {
    ...plain,
    commands: { function: plain, list: { ...plain, commands: { functions: plain } } },
  },
  info: plain,
  invoke: { ...plain, commands: { local: plain } },
  logs: plain,
  metrics: plain,
  package: plain,
  print: plain,
  remove: plain,
  rollback: { ...plain, commands: { function: plain } },
};

function paths(tree, above = []) {
  return Object.entries(tree).flatMap(([name, { commands: below = {} }]) => {
    const path = [...above, name];
    return [path.join(' '), ...paths(below, path)];
  });
}

/** Every command that takes --identifier, spelled as on the command line: 'deploy function'. */
const identified = new Set(paths(commands));

/** Those of them that work without AWS. */
const offline = new Set(['invoke local', 'package', 'print']);

/** Those that need the deployment to be there. */
const existing = new Set(
  [...identified].filter((name) => !offline.has(name) && name !== 'deploy' && name !== 'remove')
);

module.exports = { commands, existing, identified, offline };
