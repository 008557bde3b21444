'use strict';

const { Refusal } = require('./refusal');
const { nearest } = require('./sdk');

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

module.exports = { checkRegion };
