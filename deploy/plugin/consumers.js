'use strict';

const { Refusal } = require('./refusal');
const { sdk } = require('./sdk');

const { ListEntitiesForPolicyCommand } = sdk('iam');

async function holdersOf(iam, PolicyArn) {
  try {
    const found = await iam.send(new ListEntitiesForPolicyCommand({ PolicyArn }));
    return [
      ...(found.PolicyRoles ?? []).map(({ RoleName }) => ['role', RoleName]),
      ...(found.PolicyUsers ?? []).map(({ UserName }) => ['user', UserName]),
      ...(found.PolicyGroups ?? []).map(({ GroupName }) => ['group', GroupName]),
    ];
  } catch (error) {
    if (error.name === 'NoSuchEntityException') return [];
    throw error;
  }
}

const detachment = (PolicyArn) => ([kind, name]) =>
  `\n  aws iam detach-${kind}-policy --${kind}-name ${name} --policy-arn ${PolicyArn}`;

/**
 * Refuse to let go of a Kinesis stream that consumers may still read.
 *
 * They run outside the stack, as whatever role has the stack's policy. While one has it IAM deletes
 * no policy, so the stack would stay half deleted; and what they write would come into a bucket that
 * was emptied.
 *
 * @param {Stack} stack
 * @param {IAMClient} iam
 * @throws {Refusal} that names each role, user and group with the policy, and how to take it off
 */
async function checkNoConsumers(stack, iam) {
  for (const { ResourceType, PhysicalResourceId: arn } of await stack.resources()) {
    if (ResourceType !== 'AWS::IAM::ManagedPolicy') continue;
    const holders = await holdersOf(iam, arn);
    if (!holders.length) continue;
    const named = holders.map(([kind, name]) => `the ${kind} ${name}`).join(', ');
    throw new Refusal(
      `Nothing was changed: consumers may still read the stream of ${stack.name}, for its policy is ` +
        `attached to ${named}. Stop them, delete what they ran in or take the policy off, and run ` +
        `the command again:${holders.map(detachment(arn)).join('')}`
    );
  }
}

module.exports = { checkNoConsumers };
