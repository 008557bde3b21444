'use strict';

const assert = require('node:assert/strict');
const { beforeEach, test } = require('node:test');
const { removeStack } = require('../../deploy/plugin/removal');
const { Stack, checkUpdatable, isHalfMade } = require('../../deploy/plugin/stack');
const { FakeCloudFormation, FakeS3, objects } = require('./aws');

const NAME = 'playlake-demo-dev';
let said;
let slept;
let clock;

beforeEach(() => {
  said = [];
  slept = 0;
  clock = 0;
});

function stackOf(cloudFormation) {
  const sleep = async (ms) => {
    slept += 1;
    clock += ms;
  };
  return new Stack(cloudFormation, NAME, { every: 5000, sleep, now: () => clock });
}

const remove = (cloudFormation) =>
  removeStack(stackOf(cloudFormation), {
    s3: cloudFormation.s3,
    say: (sentence) => said.push(sentence),
  });

test('each bucket is emptied, said with objects and bytes, before the stack is deleted', async () => {
  const s3 = new FakeS3({ lake: objects(1200, 1000), deployment: objects(1, 1) });
  const cloudFormation = new FakeCloudFormation(s3);
  await remove(cloudFormation);
  assert.deepEqual(said, [
    'Deleted from bucket lake: 1,200 objects (1.2 MB)',
    'Deleted from bucket deployment: 1 object (1 byte)',
  ]);
  assert.deepEqual([cloudFormation.status, cloudFormation.deletions], [null, 1]);
});

test('a bucket that Firehose filled again meanwhile is emptied again, and the stack goes', async () => {
  const s3 = new FakeS3({ lake: objects(2) });
  const cloudFormation = new FakeCloudFormation(s3);
  cloudFormation.beforeDelete = (time) => {
    if (time === 1) s3.buckets.lake.push({ Key: 'raw/late', VersionId: 'null', Size: 9 });
  };
  await remove(cloudFormation);
  assert.equal(said.at(-1), 'Deleted from bucket lake: 1 object (9 bytes)');
  assert.deepEqual([cloudFormation.status, cloudFormation.deletions], [null, 2]);
});

test('a bucket that never stays empty ends it after five rounds', async () => {
  const s3 = new FakeS3({ lake: [] });
  const cloudFormation = new FakeCloudFormation(s3);
  cloudFormation.beforeDelete = () => s3.buckets.lake.push(...objects(1));
  await assert.rejects(remove(cloudFormation), /lake \(AWS::S3::Bucket\): lake is not empty/);
  assert.equal(cloudFormation.deletions, 5);
});

test('what is no bucket and cannot be deleted is named with its reason, at once', async () => {
  const cloudFormation = new FakeCloudFormation(new FakeS3({}), { others: ['WorkGroup'] });
  await assert.rejects(remove(cloudFormation), {
    name: 'ServerlessError',
    message: /playlake-demo-dev \(DELETE_FAILED\).*\n {2}WorkGroup .*: WorkGroup is not empty/,
  });
  assert.equal(cloudFormation.deletions, 1);
});

test('a bucket that the stack could not make, or let go of, keeps its data', async () => {
  for (const status of ['CREATE_FAILED', 'DELETE_SKIPPED']) {
    const s3 = new FakeS3({ lake: objects(3) });
    const cloudFormation = new FakeCloudFormation(s3);
    cloudFormation.resource = (ResourceType, name) => {
      return { ResourceType, PhysicalResourceId: name, ResourceStatus: status };
    };
    await remove(cloudFormation).catch(() => {});
    assert.equal(s3.buckets.lake.length, 3, status);
  }
});

test('a stack that is protected from deletion keeps its data', async () => {
  const s3 = new FakeS3({ lake: objects(3) });
  const cloudFormation = new FakeCloudFormation(s3, { protectedFrom: true });
  await assert.rejects(remove(cloudFormation), /update-termination-protection/);
  assert.equal(s3.buckets.lake.length, 3);
});

test('a stack that is still rolling back is waited for, and then removed', async () => {
  const cloudFormation = new FakeCloudFormation(new FakeS3({}));
  cloudFormation.statuses = ['ROLLBACK_IN_PROGRESS', 'ROLLBACK_IN_PROGRESS'];
  await remove(cloudFormation);
  assert.deepEqual(said, [`The stack ${NAME} is in ROLLBACK_IN_PROGRESS; waiting for that to end`]);
  assert.deepEqual([slept, cloudFormation.status], [2, null]);
});

test('a stack that moves for more than an hour is given up', async () => {
  const stack = stackOf(new FakeCloudFormation(new FakeS3({}), { status: 'UPDATE_IN_PROGRESS' }));
  await assert.rejects(stack.settled(), /has been in UPDATE_IN_PROGRESS for an hour/);
});

test('an error of CloudFormation that is not about a missing stack is no missing stack', async () => {
  const denied = Object.assign(new Error('not authorized'), { name: 'AccessDenied' });
  const stack = stackOf({
    send: async () => {
      throw denied;
    },
  });
  await assert.rejects(stack.describe(), denied);
});

test('a stack that never came up is deleted first; one that was updated is not', () => {
  const dead = ['CREATE_FAILED', 'ROLLBACK_COMPLETE', 'ROLLBACK_FAILED', 'REVIEW_IN_PROGRESS'];
  const alive = ['CREATE_COMPLETE', 'UPDATE_COMPLETE', 'UPDATE_ROLLBACK_COMPLETE', 'UPDATE_FAILED'];
  assert.deepEqual([...dead, 'DELETE_FAILED', ...alive].filter(isHalfMade), dead);
});

test('a stack that somebody deleted is not deployed over: its bucket may hold all data', () => {
  assert.throws(
    () => checkUpdatable(NAME, 'DELETE_FAILED', 'eu-west-1'),
    /playlake-demo-dev is in DELETE_FAILED: .* Copy what you want to keep, run "serverless remove"/
  );
});

test('an update that could not be undone is refused with the command that mends it', () => {
  assert.throws(
    () => checkUpdatable(NAME, 'UPDATE_ROLLBACK_FAILED', 'eu-west-1'),
    /"aws cloudformation continue-update-rollback --stack-name playlake-demo-dev --region eu-west-1"/
  );
  checkUpdatable(NAME, 'UPDATE_ROLLBACK_COMPLETE', 'eu-west-1');
});
