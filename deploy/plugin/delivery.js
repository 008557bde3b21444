'use strict';

const { Refusal } = require('./refusal');

const NAMES = { firehose: 'Firehose', kinesis: 'Kinesis' };

/** What carries a deployment's events now, by the outputs of its stack; null when nothing does yet. */
function carrier({ Outputs = [] }) {
  const names = new Set(Outputs.map(({ OutputKey }) => OutputKey));
  if (names.has('StreamName')) return 'kinesis';
  return names.has('DeliveryStreamName') ? 'firehose' : null;
}

/**
 * Refuse to delete a stream with acknowledged events in it. CloudFormation would do that at the end of
 * a deployment that changes the delivery; Firehose then "doesn't make any guarantees with respect to
 * delivering the data" (API reference, "DeleteDeliveryStream"), and a Kinesis stream is deleted with
 * what no consumer has read.
 *
 * @param {object} found what DescribeStacks says of the stack
 * @param {{delivery: string, draining: string}} switches
 */
function checkDelivery(found, { delivery, draining }) {
  const now = carrier(found);
  if (!now || !delivery || now === delivery || now === draining) return;
  throw new Refusal(
    `${NAMES[now]} carries this deployment's events, and ${NAMES[delivery]} alone would delete what is ` +
      `still in it. To leave it so, give --param delivery=${now} as before. To change it, add ` +
      `--param draining=${now} now, and leave that out once nothing is in it any more ` +
      '(docs/kinesis.md).'
  );
}

/**
 * Refuse to put back a deployment of before: it comes with the switches of then, whatever these said,
 * so that a stream with acknowledged events in it may go, and nothing here is asked.
 *
 * @param {string} command as on the command line
 * @param {{timestamp?: string}} options without a timestamp osls only lists what there is
 */
function checkRollback(command, { timestamp }) {
  if (command !== 'rollback' || !timestamp) return;
  throw new Refusal(
    'A rollback puts back the switches of then, too, and with them may delete a stream that has events ' +
      "in it. Check out that release's commit and deploy it, with the --params of now."
  );
}

/** Refuse to drain what events still go to. */
function checkDraining({ delivery, draining }) {
  if (!draining || draining !== delivery) return;
  throw new Refusal(
    `--param draining=${draining} keeps what carried the events before, and --param ` +
      `delivery=${delivery} is what carries them now: leave draining out, or name the other.`
  );
}

/** Whether a Kinesis stream is there with these switches. */
const hasKinesis = ({ delivery, draining }) => [delivery, draining].includes('kinesis');

module.exports = { checkDelivery, checkDraining, checkRollback, hasKinesis };
