'use strict';

const { emptyBucket } = require('./bucket');
const { Refusal } = require('./refusal');
const words = require('./words');

// Firehose delivers what it still buffers, 15 minutes at the longest, after its bucket was emptied;
// by the second round nothing that writes is left of the stack.
const ROUNDS = 5;

// Under these a bucket that the stack could not make, for one of that name was there before, or that
// it has let go of: somebody else's data, or what somebody meant to keep.
const NOT_ITS_OWN = new Set(['CREATE_FAILED', 'DELETE_SKIPPED']);

/** The names of the buckets that are a stack's own, and so may be emptied. */
const bucketsOf = (resources) =>
  resources
    .filter(({ ResourceType }) => ResourceType === 'AWS::S3::Bucket')
    .filter(({ ResourceStatus }) => !NOT_ITS_OWN.has(ResourceStatus))
    .map(({ PhysicalResourceId }) => PhysicalResourceId);

async function emptyAll(buckets, s3, say) {
  for (const bucket of buckets) {
    const gone = await emptyBucket(s3, bucket);
    if (gone.objects || gone.markers || gone.uploads) {
      say(`Deleted from bucket ${bucket}: ${words.emptied(gone)}`);
    }
  }
}

function failure(name, { StackStatus, StackStatusReason }, resources) {
  const kept = resources
    .filter(({ ResourceStatus }) => ResourceStatus === 'DELETE_FAILED')
    .map((one) => `\n  ${one.LogicalResourceId} (${one.ResourceType}): ${one.ResourceStatusReason}`);
  return new Refusal(
    `CloudFormation could not delete the stack ${name} (${StackStatus}): ` +
      `mend what it names, and run the command again.${kept.join('') || `\n  ${StackStatusReason}`}`
  );
}

function checkUnprotected(name, { EnableTerminationProtection }) {
  if (!EnableTerminationProtection) return;
  throw new Refusal(
    `The stack ${name} is protected from deletion; ` +
      '"aws cloudformation update-termination-protection --no-enable-termination-protection ' +
      `--stack-name ${name}" ends that.`
  );
}

/**
 * Delete a stack, whatever its state, with what is in its buckets.
 *
 * CloudFormation deletes no bucket that has something in it. Each is emptied first, and again when
 * something was written meanwhile.
 *
 * @param {Stack} stack
 * @param {{s3, say: (sentence: string) => void}} ports
 * @throws {Refusal} when it is protected, and when some other resource cannot be deleted
 */
async function removeStack(stack, { s3, say }) {
  let found = await stack.settled(say);
  for (let round = 1; found; round += 1) {
    checkUnprotected(stack.name, found);
    const buckets = bucketsOf(await stack.resources());
    if (round > ROUNDS || (round > 1 && !buckets.length)) {
      throw failure(stack.name, found, await stack.resources());
    }
    await emptyAll(buckets, s3, say);
    found = await stack.delete();
  }
}

module.exports = { bucketsOf, removeStack };
