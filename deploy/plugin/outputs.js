'use strict';

/**
 * What to do with a deployment that is up, as lines of text; none when it has no Url yet.
 *
 * `region` and `profile` are what the command line named, if it did: without them the lines would
 * mean the deployment of that name somewhere else, which one of them removes.
 */
function nextSteps({ Outputs = [] }, { identifier, stage, region, profile }) {
  const values = Object.fromEntries(Outputs.map((one) => [one.OutputKey, one.OutputValue]));
  if (!values.Url) return [];
  const options =
    `--identifier ${identifier}${stage === 'dev' ? '' : ` --stage ${stage}`}` +
    `${region ? ` --region ${region}` : ''}`;
  const ask = `${options}${profile ? ` --profile ${profile}` : ''}`;
  const sls = `${options}${profile ? ` --aws-profile ${profile}` : ''}`;
  return [
    `send events to   POST ${values.Url}/events`,
    `watch a video    ${values.Url}/`,
    `what is where    .venv/bin/playlake info ${ask}`,
    `ask              .venv/bin/playlake report ${ask}`,
    `follow the logs  npm run logs -- ${sls} --tail`,
    `remove it        npx serverless remove ${sls}`,
  ];
}

module.exports = { nextSteps };
