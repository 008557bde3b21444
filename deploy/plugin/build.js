'use strict';

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { Refusal } = require('./refusal');

const TAIL = 12;

/**
 * Run a command, its output passed on as it comes.
 *
 * @param {(text: Buffer) => void} show
 * @returns {Promise<{code: number, output: string}>}
 */
function run(command, args, { cwd, show }) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    const kept = [];
    const take = (chunk) => {
      kept.push(chunk);
      show(chunk);
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output: Buffer.concat(kept).toString() }));
  });
}

/** Make the functions' zips with `make zips`; a failure is refused with the build's last lines. */
async function buildZips({ arch, cwd, show }) {
  const args = ['--silent', 'zips', `ARCH=${arch}`];
  const line = `make ${args.join(' ')}`;
  const { code, output } = await run('make', args, { cwd, show }).catch((error) => {
    throw new Refusal(`"${line}" could not be started (${error.code}): install make.`);
  });
  if (code === 0) return;
  const last = output.trimEnd().split('\n').slice(-TAIL).join('\n  ');
  throw new Refusal(`Nothing was deployed: "${line}" failed with exit code ${code}.\n  ${last}`);
}

/** Refuse a function whose zip is not there. `functions` is serverless.yml's, `cwd` its folder. */
function checkZips(functions, cwd) {
  const zips = Object.values(functions).flatMap(({ package: { artifact } = {} }) => artifact ?? []);
  const lost = [...new Set(zips)].filter((zip) => !fs.existsSync(path.resolve(cwd, zip)));
  if (!lost.length) return;
  throw new Refusal(
    `These zips are not there: ${lost.join(', ')}; "make zips" makes them, ` +
      'and --param zips=FOLDER names where they are.'
  );
}

module.exports = { buildZips, checkZips };
