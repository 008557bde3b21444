'use strict';

// A stand-in for the SDK's clients: it keeps buckets and a stack, and knows the commands by name.

class FakeS3 {
  /** @param {Object<string, object[]>} buckets name -> entries: Key, VersionId, Size, marker */
  constructor(buckets) {
    this.buckets = buckets;
    this.uploads = [];
    this.ended = new Set(); // of those, by UploadId, what ends before it can be aborted
    this.sent = [];
    this.refused = new Map(); // Key -> how often DeleteObjects still answers an error for it
    this.afterDelete = () => {};
  }

  async send(command) {
    const { input } = command;
    const name = command.constructor.name;
    this.sent.push([name, input]);
    if (!this.buckets[input.Bucket]) {
      throw Object.assign(new Error('The specified bucket does not exist'), { name: 'NoSuchBucket' });
    }
    return this[name](input);
  }

  ListObjectVersionsCommand({ Bucket, MaxKeys }) {
    const page = this.buckets[Bucket].slice(0, MaxKeys);
    const plain = ({ marker, ...entry }) => entry;
    return {
      Versions: page.filter(({ marker }) => !marker).map(plain),
      DeleteMarkers: page.filter(({ marker }) => marker).map(plain),
    };
  }

  DeleteObjectsCommand({ Bucket, Delete: { Objects } }) {
    if (Objects.length > 1000) throw new Error('MalformedXML: more than 1,000 keys');
    const Errors = Objects.filter(({ Key }) => this.refuses(Key)).map((one) => ({
      ...one,
      Code: 'AccessDenied',
      Message: 'Access Denied',
    }));
    const gone = Objects.filter(({ Key }) => !Errors.some((error) => error.Key === Key));
    this.buckets[Bucket] = this.buckets[Bucket].filter(
      (entry) => !gone.some((one) => one.Key === entry.Key && one.VersionId === entry.VersionId)
    );
    this.afterDelete();
    return { Errors };
  }

  refuses(key) {
    const times = this.refused.get(key) ?? 0;
    this.refused.set(key, times - 1);
    return times > 0;
  }

  ListMultipartUploadsCommand() {
    return { Uploads: [...this.uploads] };
  }

  AbortMultipartUploadCommand({ UploadId }) {
    this.uploads = this.uploads.filter((one) => one.UploadId !== UploadId);
    if (this.ended.has(UploadId)) {
      throw Object.assign(new Error('The specified upload does not exist'), { name: 'NoSuchUpload' });
    }
    return {};
  }
}

/** A stack of buckets and other resources, deleted as CloudFormation does: never a full bucket. */
class FakeCloudFormation {
  constructor(s3, { status = 'CREATE_COMPLETE', others = [], protectedFrom = false } = {}) {
    Object.assign(this, { s3, status, others, protectedFrom });
    this.buckets = Object.keys(s3.buckets);
    this.deletions = 0;
    this.statuses = []; // what is answered first, before `status`
    this.beforeDelete = () => {};
  }

  async send(command) {
    return this[command.constructor.name](command.input);
  }

  DescribeStacksCommand() {
    const StackStatus = this.statuses.shift() ?? this.status;
    if (StackStatus === null) {
      const message = 'Stack with id playlake-demo-dev does not exist';
      throw Object.assign(new Error(message), { name: 'ValidationError' });
    }
    return { Stacks: [{ StackStatus, EnableTerminationProtection: this.protectedFrom }] };
  }

  ListStackResourcesCommand({ NextToken }) {
    const buckets = this.buckets.map((name) => this.resource('AWS::S3::Bucket', name));
    const others = this.others.map((name) => this.resource('AWS::Athena::WorkGroup', name));
    // A page each, so that whoever reads only the first is found out.
    return NextToken
      ? { StackResourceSummaries: buckets }
      : { StackResourceSummaries: others, NextToken: 'second' };
  }

  resource(ResourceType, name) {
    const failed = this.status === 'DELETE_FAILED';
    return {
      ResourceType,
      LogicalResourceId: name,
      PhysicalResourceId: name,
      ResourceStatus: failed ? 'DELETE_FAILED' : 'CREATE_COMPLETE',
      ResourceStatusReason: failed ? `${name} is not empty` : undefined,
    };
  }

  DeleteStackCommand() {
    this.deletions += 1;
    this.beforeDelete(this.deletions);
    const full = this.buckets.filter((name) => this.s3.buckets[name].length);
    for (const name of this.buckets) if (!full.includes(name)) delete this.s3.buckets[name];
    this.buckets = full;
    this.status = full.length || this.others.length ? 'DELETE_FAILED' : null;
    return {};
  }
}

/** `number` objects of `Size` bytes. */
const objects = (number, Size = 100) =>
  Array.from({ length: number }, (_, at) => ({ Key: `raw/${at}`, VersionId: 'null', Size }));

module.exports = { FakeCloudFormation, FakeS3, objects };
