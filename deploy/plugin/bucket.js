'use strict';

const { setTimeout: pause } = require('node:timers/promises');
const { Refusal } = require('./refusal');
const { sdk } = require('./sdk');

const {
  AbortMultipartUploadCommand,
  DeleteObjectsCommand,
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
} = sdk('s3');

const ATTEMPTS = 4;

// Versions and delete markers; in a bucket without versioning each object is the version "null".
// Always the first page: what was on it is deleted before the next is asked for, so a token would
// only skip what came in between. S3 lists, and DeleteObjects takes, at most 1,000 at a time.
async function firstPage(s3, Bucket) {
  const listed = await s3.send(new ListObjectVersionsCommand({ Bucket, MaxKeys: 1000 }));
  const versions = (listed.Versions ?? []).map((version) => ({ ...version, marker: false }));
  const markers = (listed.DeleteMarkers ?? []).map((marker) => ({ ...marker, marker: true }));
  return [...versions, ...markers];
}

// DeleteObjects answers 200 even when it deleted nothing: what it did not is in Errors.
async function deletePage(s3, Bucket, page) {
  const Objects = page.map(({ Key, VersionId }) => ({ Key, VersionId }));
  const command = new DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } });
  const { Errors = [] } = await s3.send(command);
  const kept = new Set(Errors.map(({ Key, VersionId }) => JSON.stringify([Key, VersionId])));
  const isKept = ({ Key, VersionId }) =>
    kept.has(JSON.stringify([Key, VersionId])) || kept.has(JSON.stringify([Key, undefined]));
  return { deleted: page.filter((entry) => !isKept(entry)), error: Errors[0] };
}

async function deleteObjects(s3, bucket, gone, sleep) {
  let fruitless = 0;
  for (;;) {
    const page = await firstPage(s3, bucket);
    if (!page.length) return;
    const { deleted, error } = await deletePage(s3, bucket, page);
    for (const { marker, Size = 0 } of deleted) {
      gone[marker ? 'markers' : 'objects'] += 1;
      gone.bytes += Size;
    }
    fruitless = deleted.length ? 0 : fruitless + 1;
    if (fruitless === ATTEMPTS) throw stuck(bucket, error);
    if (error) await sleep(250 * 2 ** fruitless);
  }
}

function stuck(bucket, { Code, Key, Message }) {
  return new Refusal(
    `The bucket ${bucket} could not be emptied: S3 does not delete "${Key}" (${Code}: ${Message}). ` +
      'The stack is still there: allow s3:DeleteObject and s3:DeleteObjectVersion on the bucket, ' +
      'and run the command again.'
  );
}

// An upload that was never completed is in no listing of objects, yet it is billed, and keeps a
// bucket from being deleted on some stores.
async function abortUploads(s3, Bucket, gone) {
  const { Uploads = [] } = await s3.send(new ListMultipartUploadsCommand({ Bucket }));
  const before = gone.uploads;
  for (const { Key, UploadId } of Uploads) {
    try {
      await s3.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }));
      gone.uploads += 1;
    } catch (error) {
      // Completed or aborted since the listing, as Firehose may do up to the end.
      if (error.name !== 'NoSuchUpload') throw error;
    }
  }
  if (gone.uploads > before) await abortUploads(s3, Bucket, gone);
}

/**
 * Delete all that is in a bucket: versions, delete markers, uploads that were not completed.
 *
 * Lists again until the bucket is empty, so what a late writer adds goes too.
 *
 * @returns {Promise<{objects: number, markers: number, uploads: number, bytes: number}>} what went;
 *   `objects` counts every version. All zero for a bucket that is not there.
 * @throws {Refusal} when S3 refuses to delete a key four times over
 */
async function emptyBucket(s3, bucket, { sleep = pause } = {}) {
  const gone = { objects: 0, markers: 0, uploads: 0, bytes: 0 };
  try {
    await deleteObjects(s3, bucket, gone, sleep);
    await abortUploads(s3, bucket, gone);
  } catch (error) {
    if (error.name !== 'NoSuchBucket') throw error;
  }
  return gone;
}

module.exports = { emptyBucket };
