'use strict';

const { sdk } = require('./sdk');

const { DeleteLogGroupCommand, DescribeLogGroupsCommand } = sdk('cloudwatch-logs');

const SERVICES = ['apigateway', 'http-api', 'kinesisfirehose', 'lambda', 'vendedlogs'];

async function named(logs, logGroupNamePrefix) {
  const found = [];
  let nextToken;
  do {
    const page = await logs.send(new DescribeLogGroupsCommand({ logGroupNamePrefix, nextToken }));
    found.push(...(page.logGroups ?? []).map(({ logGroupName }) => logGroupName));
    ({ nextToken } = page);
  } while (nextToken);
  // "playlake-demo-dev" is the beginning of "playlake-demo-dev2" too, which is another's.
  return found.filter((name) => /^([-/]|$)/.test(name.slice(logGroupNamePrefix.length)));
}

/**
 * Delete the log groups that a stack leaves: a function that runs while it is being deleted makes
 * its own anew, and the next deployment would fail on it.
 *
 * @returns {Promise<string[]>} the names of those that were there
 */
async function deleteLogGroups(logs, stackName) {
  const lists = await Promise.all(
    SERVICES.map((service) => named(logs, `/aws/${service}/${stackName}`))
  );
  const names = lists.flat();
  for (const logGroupName of names) {
    await logs.send(new DeleteLogGroupCommand({ logGroupName }));
  }
  return names;
}

module.exports = { deleteLogGroups };
