'use strict';

const { setTimeout: pause } = require('node:timers/promises');
const { Refusal } = require('./refusal');
const { sdk } = require('./sdk');

const {
  DeleteStackCommand,
  DescribeStacksCommand,
  ListStackResourcesCommand,
} = sdk('cloudformation');

const HOUR = 3600 * 1000;

/** One CloudFormation stack, by name. `every` is how long to wait between looks, in ms. */
class Stack {
  constructor(cloudFormation, name, { every = 5000, sleep = pause, now = Date.now } = {}) {
    Object.assign(this, { cloudFormation, name, every, sleep, now });
  }

  /** @returns what DescribeStacks says of it, or null when there is no such stack */
  async describe() {
    try {
      const { Stacks } = await this.cloudFormation.send(
        new DescribeStacksCommand({ StackName: this.name })
      );
      return Stacks[0].StackStatus === 'DELETE_COMPLETE' ? null : Stacks[0];
    } catch (error) {
      // CloudFormation has no error of its own for it: "Stack with id x does not exist".
      if (error.name === 'ValidationError' && error.message.includes('does not exist')) return null;
      throw error;
    }
  }

  /** Like `describe`, once nothing is being done to the stack any more; waits up to an hour. */
  async settled(say = () => {}) {
    const until = this.now() + HOUR;
    for (let told = false; ; told = true) {
      const found = await this.describe();
      if (!found || !isMoving(found.StackStatus)) return found;
      if (this.now() > until) throw this.endless(found.StackStatus);
      if (!told) say(`The stack ${this.name} is in ${found.StackStatus}; waiting for that to end`);
      await this.sleep(this.every);
    }
  }

  endless(status) {
    return new Refusal(
      `The stack ${this.name} has been in ${status} for an hour: look at its events in the ` +
        'CloudFormation console, and run the command again when that has ended.'
    );
  }

  /** Its resources that are there: ListStackResources' summaries, all pages, deleted ones left out. */
  async resources() {
    const found = [];
    let NextToken;
    do {
      const page = await this.cloudFormation.send(
        new ListStackResourcesCommand({ StackName: this.name, NextToken })
      );
      found.push(...(page.StackResourceSummaries ?? []));
      ({ NextToken } = page);
    } while (NextToken);
    return found.filter((one) => one.PhysicalResourceId && one.ResourceStatus !== 'DELETE_COMPLETE');
  }

  /** Ask for its deletion, and wait. @returns null when it is gone, else what there is of it */
  async delete() {
    await this.cloudFormation.send(new DeleteStackCommand({ StackName: this.name }));
    return this.settled();
  }
}

// REVIEW_IN_PROGRESS is no work in progress: it is a stack whose first change set was never run.
function isMoving(status) {
  return status.endsWith('_IN_PROGRESS') && status !== 'REVIEW_IN_PROGRESS';
}

// Of these CloudFormation says that they can only be deleted.
const HALF_MADE = new Set([
  'CREATE_FAILED',
  'REVIEW_IN_PROGRESS',
  'ROLLBACK_COMPLETE',
  'ROLLBACK_FAILED',
]);

/** Whether a stack in this status never came up, and so cannot be updated. */
const isHalfMade = (status) => HALF_MADE.has(status);

/** Refuse to deploy over an update that could neither be made nor undone, and over a deployment
 * that somebody deleted: its bucket, which CloudFormation deletes only empty, may have all data. */
function checkUpdatable(name, status, region) {
  if (status === 'DELETE_FAILED') {
    throw new Refusal(
      `The stack ${name} is in ${status}: somebody deleted it, and what could not be deleted, as a ` +
        'bucket that is not empty, is still there. Copy what you want to keep, run "serverless ' +
        'remove", which deletes the data, and deploy anew.'
    );
  }
  if (status !== 'UPDATE_ROLLBACK_FAILED') return;
  throw new Refusal(
    `The stack ${name} is in ${status}: mend what its events name, then ` +
      `"aws cloudformation continue-update-rollback --stack-name ${name} --region ${region}" ` +
      'makes it deployable again; or remove it.'
  );
}

module.exports = { Stack, checkUpdatable, isHalfMade };
