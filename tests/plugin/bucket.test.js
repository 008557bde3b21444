'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { emptyBucket } = require('../../deploy/plugin/bucket');
const { FakeS3, objects } = require('./aws');

const sleep = async () => {};

test('two pages and a half are deleted a thousand at a time, and counted', async () => {
  const s3 = new FakeS3({ lake: objects(2500, 10) });
  const gone = await emptyBucket(s3, 'lake', { sleep });
  assert.deepEqual(gone, { objects: 2500, markers: 0, uploads: 0, bytes: 25000 });
  assert.equal(s3.buckets.lake.length, 0);
  const deletes = s3.sent.filter(([name]) => name === 'DeleteObjectsCommand');
  assert.deepEqual(
    deletes.map(([, { Delete }]) => Delete.Objects.length),
    [1000, 1000, 500]
  );
});

test('every version and every delete marker goes', async () => {
  const s3 = new FakeS3({
    lake: [
      { Key: 'a', VersionId: '1', Size: 5 },
      { Key: 'a', VersionId: '2', Size: 7 },
      { Key: 'a', VersionId: '3', marker: true },
    ],
  });
  const gone = await emptyBucket(s3, 'lake', { sleep });
  assert.deepEqual(gone, { objects: 2, markers: 1, uploads: 0, bytes: 12 });
  assert.deepEqual(s3.buckets.lake, []);
});

test('what a late writer adds between two pages goes too', async () => {
  const s3 = new FakeS3({ lake: objects(1000) });
  s3.afterDelete = () => {
    s3.buckets.lake.push({ Key: 'aaa/late', VersionId: 'null', Size: 1 });
    s3.afterDelete = () => {};
  };
  assert.equal((await emptyBucket(s3, 'lake', { sleep })).objects, 1001);
  assert.deepEqual(s3.buckets.lake, []);
});

test('a key in Errors is no deleted key: it is tried again, and counted once', async () => {
  const s3 = new FakeS3({ lake: objects(10, 3) });
  s3.refused.set('raw/4', 2);
  const gone = await emptyBucket(s3, 'lake', { sleep });
  assert.deepEqual([gone.objects, gone.bytes], [10, 30]);
});

test('a key that S3 keeps refusing ends it, with the key, the reason and the permission', async () => {
  const s3 = new FakeS3({ lake: objects(10) });
  s3.refused.set('raw/4', Infinity);
  await assert.rejects(emptyBucket(s3, 'lake', { sleep }), {
    name: 'ServerlessError',
    message: /bucket lake .*"raw\/4" \(AccessDenied: Access Denied\).*s3:DeleteObjectVersion/s,
  });
  assert.deepEqual(
    s3.buckets.lake.map(({ Key }) => Key),
    ['raw/4']
  );
});

test('uploads that were never completed are aborted', async () => {
  const s3 = new FakeS3({ lake: [] });
  s3.uploads = [{ Key: 'a', UploadId: '1' }, { Key: 'b', UploadId: '2' }];
  assert.equal((await emptyBucket(s3, 'lake', { sleep })).uploads, 2);
  assert.deepEqual(s3.uploads, []);
});

test('an upload that ends between the listing and the abortion is no error', async () => {
  const s3 = new FakeS3({ lake: [] });
  s3.uploads = [{ Key: 'a', UploadId: '1' }, { Key: 'b', UploadId: '2' }];
  s3.ended.add('1');
  assert.equal((await emptyBucket(s3, 'lake', { sleep })).uploads, 1);
  assert.deepEqual(s3.uploads, []);
});

test('a bucket that is not there is empty', async () => {
  const gone = await emptyBucket(new FakeS3({}), 'lake', { sleep });
  assert.deepEqual(gone, { objects: 0, markers: 0, uploads: 0, bytes: 0 });
});
