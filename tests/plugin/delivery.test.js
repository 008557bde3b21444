'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { checkNoConsumers } = require('../../deploy/plugin/consumers');
const { checkDelivery, checkDraining, hasKinesis } = require('../../deploy/plugin/delivery');

const ARN = 'arn:aws:iam::123456789012:policy/playlake-demo-dev-consumer-eu-west-1';
const stackWith = (...names) => ({ Outputs: names.map((OutputKey) => ({ OutputKey })) });
const BY_FIREHOSE = stackWith('Url', 'DeliveryStreamName');
const BY_KINESIS = stackWith('Url', 'StreamName');

/** A stack of these resources, each a type and a physical name. */
const stackOf = (...resources) => ({
  name: 'playlake-demo-dev',
  resources: async () =>
    resources.map(([ResourceType, PhysicalResourceId]) => ({ ResourceType, PhysicalResourceId })),
});

/** An IAM that knows who has which policy, by its ARN. */
const iamOf = (attached) => ({
  async send({ input: { PolicyArn } }) {
    if (attached[PolicyArn]) return attached[PolicyArn];
    throw Object.assign(new Error(PolicyArn), { name: 'NoSuchEntityException' });
  },
});

test('a deployment that goes on as before, or is the first, is let through', () => {
  checkDelivery({}, { delivery: 'kinesis', draining: '' });
  checkDelivery(BY_FIREHOSE, { delivery: 'firehose', draining: '' });
  checkDelivery(BY_KINESIS, { delivery: 'kinesis', draining: '' });
});

test('a change of delivery that would delete events on their way is refused, either way', () => {
  assert.throws(() => checkDelivery(BY_FIREHOSE, { delivery: 'kinesis', draining: '' }), {
    name: 'ServerlessError',
    message: /^Firehose carries .* delivery=firehose as before.* add --param draining=firehose now/,
  });
  assert.throws(
    () => checkDelivery(BY_KINESIS, { delivery: 'firehose', draining: '' }),
    /Kinesis carries .* delivery=kinesis as before.* add --param draining=kinesis now/
  );
});

test('a change that keeps what carried the events before is let through', () => {
  checkDelivery(BY_FIREHOSE, { delivery: 'kinesis', draining: 'firehose' });
  checkDelivery(BY_KINESIS, { delivery: 'firehose', draining: 'kinesis' });
});

test('draining what events still go to is refused', () => {
  assert.throws(
    () => checkDraining({ delivery: 'kinesis', draining: 'kinesis' }),
    /draining=kinesis keeps what carried .* or name the other/
  );
  checkDraining({ delivery: 'kinesis', draining: 'firehose' });
  checkDraining({ delivery: 'firehose', draining: '' });
});

test('the stream is there while it carries events, and while it drains', () => {
  assert.ok(hasKinesis({ delivery: 'kinesis', draining: 'firehose' }));
  assert.ok(hasKinesis({ delivery: 'firehose', draining: 'kinesis' }));
  assert.ok(!hasKinesis({ delivery: 'firehose', draining: '' }));
});

test('a stream whose policy somebody has is not let go, and each is named with what to type', async () => {
  const stack = stackOf(['AWS::S3::Bucket', 'lake'], ['AWS::IAM::ManagedPolicy', ARN]);
  const iam = iamOf({
    [ARN]: { PolicyRoles: [{ RoleName: 'tasks' }], PolicyUsers: [{ UserName: 'ana' }] },
  });
  await assert.rejects(checkNoConsumers(stack, iam), (error) => {
    assert.match(error.message, /^Nothing was changed.*the role tasks, the user ana\. Stop them/);
    assert.match(error.message, /detach-role-policy --role-name tasks --policy-arn arn:aws:iam::\d+/);
    assert.match(error.message, /detach-user-policy --user-name ana/);
    return true;
  });
});

test('a stack without a stream, with a policy that nobody has, or one that is gone, may go', async () => {
  await checkNoConsumers(stackOf(['AWS::S3::Bucket', 'lake']), iamOf({}));
  const stack = stackOf(['AWS::IAM::ManagedPolicy', ARN]);
  await checkNoConsumers(stack, iamOf({ [ARN]: { PolicyRoles: [] } }));
  await checkNoConsumers(stack, iamOf({}));
});

test('an error of IAM that is not about a missing policy is no missing policy', async () => {
  const denied = Object.assign(new Error('not authorized'), { name: 'AccessDeniedException' });
  const iam = {
    send: async () => {
      throw denied;
    },
  };
  await assert.rejects(checkNoConsumers(stackOf(['AWS::IAM::ManagedPolicy', ARN]), iam), denied);
});
