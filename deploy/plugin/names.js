'use strict';

const { Refusal } = require('./refusal');

// Buckets and Glue databases carry both names: a bucket's name has no capitals, a database's no
// dash, and a bucket's is at most 63 characters long, account and region included.
const LONGEST = { identifier: 16, stage: 8 };

function fault(text, longest) {
  if (/[A-Z]/.test(text)) return 'has capitals';
  if (text.includes('-')) return 'has a dash';
  if (!/^[a-z0-9]+$/.test(text)) return 'has characters that AWS does not take everywhere';
  if (/^[0-9]/.test(text)) return 'begins with a digit';
  return text.length > longest ? `is ${text.length} characters long` : null;
}

/** Refuse a name that some resource could not carry. `kind` is 'identifier' or 'stage'. */
function checkName(kind, text) {
  const longest = LONGEST[kind];
  const found = fault(text, longest);
  if (!found) return;
  throw new Refusal(
    `The ${kind} "${text}" ${found}: buckets and databases are named by it, so it has to be ` +
      `1 to ${longest} of a-z and 0-9, a letter first.`
  );
}

/** Refuse a missing, empty, doubled or unfit --identifier. `command` is what was typed. */
function checkIdentifier(value, command) {
  // Given without a value it is `true`, given twice an array: osls knows no type for it yet.
  if (Array.isArray(value)) throw new Refusal('--identifier is given more than once; give it once.');
  if (typeof value !== 'string' || !value) {
    throw new Refusal(
      `--identifier is missing: it names the deployment, as in ` +
        `"serverless ${command} --identifier demo".`
    );
  }
  checkName('identifier', value);
}

module.exports = { checkIdentifier, checkName };
