'use strict';

/** What to do with a deployment that is up, as lines of text; none when it has no Url yet. */
function nextSteps({ Outputs = [] }, { identifier, stage }) {
  const values = Object.fromEntries(Outputs.map((one) => [one.OutputKey, one.OutputValue]));
  if (!values.Url) return [];
  const options = `--identifier ${identifier}${stage === 'dev' ? '' : ` --stage ${stage}`}`;
  return [
    `send events to   POST ${values.Url}/events`,
    `watch a video    ${values.Url}/`,
    `what is where    .venv/bin/playlake info ${options}`,
    `ask              .venv/bin/playlake report ${options}`,
    `follow the logs  npm run logs -- ${options} --tail`,
    `remove it        npx serverless remove ${options}`,
  ];
}

module.exports = { nextSteps };
