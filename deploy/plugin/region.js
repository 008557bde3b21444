'use strict';

const { Refusal } = require('./refusal');
const { nearest, sdk } = require('./sdk');

/**
 * The region that the profile names, where neither the command nor the environment names one: what
 * the AWS command line and `playlake` take too, so that all three mean the same stack.
 */
async function regionOfProfile(profile) {
  try {
    return await new (sdk('sts').STSClient)(profile ? { profile } : {}).config.region();
  } catch {
    throw new Refusal(
      'No region is named: give --region, set AWS_REGION, or put a region into the profile with ' +
        '"aws configure set region eu-west-1".'
    );
  }
}

/**
 * Refuse a region that AWS does not have, or that lacks a service, before anything is uploaded.
 *
 * @param {string} region
 * @param {Object<string, string[]>} missing region -> the services it lacks; every known region
 *   is a key of it (deploy/generated/regions.json)
 */
function checkRegion(region, missing) {
  if (!Object.hasOwn(missing, region)) {
    const near = nearest(region, Object.keys(missing));
    const hint = near ? `: did you mean ${near}?` : '; --region eu-west-1 would be one.';
    throw new Refusal(`AWS has no region "${region}" that playlake knows of${hint}`);
  }
  const lacking = missing[region];
  if (!lacking.length) return;
  throw new Refusal(
    `The region ${region} has no ${lacking.join(', no ')}, which playlake needs; ` +
      'name another with --region.'
  );
}

module.exports = { checkRegion, regionOfProfile };
