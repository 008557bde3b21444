'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');
const { buildZips, checkZips } = require('../../deploy/plugin/build');
const { checkCredentials } = require('../../deploy/plugin/credentials');
const { checkIdentifier, checkName } = require('../../deploy/plugin/names');
const { nextSteps } = require('../../deploy/plugin/outputs');
const { checkRegion } = require('../../deploy/plugin/region');
const { readSwitches } = require('../../deploy/plugin/switches');
const words = require('../../deploy/plugin/words');

const SWITCHES = {
  origins: { default: '*', doc: 'Who may send events.' },
  zips: { default: '', doc: 'Where the zips are.' },
};

function folder(t, files = {}) {
  const made = fs.mkdtempSync(path.join(os.tmpdir(), 'playlake-'));
  t.after(() => fs.rmSync(made, { recursive: true }));
  for (const [name, text] of Object.entries(files)) fs.writeFileSync(path.join(made, name), text);
  return made;
}

test('names that AWS takes everywhere are taken', () => {
  for (const name of ['a', 'demo', 'team2', 'abcdefghijklmnop']) checkIdentifier(name, 'deploy');
  for (const stage of ['dev', 'prod', 'abcdefgh']) checkName('stage', stage);
});

test('a name that some resource could not carry is refused, with what is wrong with it', () => {
  const refused = (kind, name, why) => assert.throws(() => checkName(kind, name), why);
  refused('identifier', 'Demo', /identifier "Demo" has capitals/);
  refused('identifier', 'my-demo', /"my-demo" has a dash/);
  refused('identifier', 'my_demo', /has characters that AWS does not take/);
  refused('identifier', '2demo', /begins with a digit/);
  refused('identifier', 'abcdefghijklmnopq', /is 17 characters long.*1 to 16 of a-z and 0-9/);
  refused('identifier', 'demo\n', /has characters that AWS does not take/);
  refused('stage', 'abcdefghi', /stage "abcdefghi" is 9 characters long.*1 to 8/);
});

test('an identifier that is missing, without a value, or given twice is one sentence', () => {
  for (const value of [undefined, true, '', null]) {
    assert.throws(() => checkIdentifier(value, 'remove'), /"serverless remove --identifier demo"/);
  }
  assert.throws(() => checkIdentifier(['a', 'b'], 'remove'), /more than once/);
});

test('a switch that was given stands beside the defaults of the others', () => {
  const switches = readSwitches(['origins=https://a.example?x=1'], SWITCHES);
  assert.deepEqual(switches, { origins: 'https://a.example?x=1', zips: '' });
});

test('a misspelled switch is refused with the nearest one and the list of all', () => {
  assert.throws(
    () => readSwitches(['orgins=x'], SWITCHES),
    /no switch "orgins". Did you mean "origins"\?.*\n {2}origins {2}Who may send events. Default: \*\n {2}zips {5}Where the zips are.$/
  );
  assert.throws(() => readSwitches(['toString=x'], SWITCHES), /no switch "toString"/);
  assert.throws(() => readSwitches(['origins'], SWITCHES), /write --param name=value/);
});

test('a value that a switch does not take is refused with the nearest one and those it takes', () => {
  const switches = { delivery: { default: 'firehose', values: ['firehose', 'kinesis'], doc: '' } };
  assert.deepEqual(readSwitches(['delivery=kinesis'], switches), { delivery: 'kinesis' });
  assert.throws(
    () => readSwitches(['delivery=kinesys'], switches),
    /"delivery" cannot be "kinesys"\. Did you mean "kinesis"\? It is firehose or kinesis\.$/
  );
  assert.throws(() => readSwitches(['delivery=sqs'], switches), /"sqs"\. It is firehose or kinesis/);
});

test('a region is refused offline when it is none, or lacks a service', () => {
  const missing = { 'eu-west-1': [], 'us-west-1': ['glue', 'athena'] };
  checkRegion('eu-west-1', missing);
  assert.throws(() => checkRegion('eu-wst-1', missing), /no region "eu-wst-1".*eu-west-1\?/);
  assert.throws(() => checkRegion('us-west-1', missing), /us-west-1 has no glue, no athena/);
});

test('each fault of the credentials is a sentence with what to do', async () => {
  const fault = (fields) => () => Promise.reject(Object.assign(new Error(fields.message), fields));
  const refused = (fields, why) => assert.rejects(checkCredentials(fault(fields), 'eu-west-1'), why);
  await refused({ code: 'AWS_CREDENTIALS_NOT_FOUND' }, /no AWS credentials.*`aws configure sso`/);
  await refused({ name: 'ExpiredToken', message: 'token' }, /have expired.*`aws login`/);
  await refused({ name: 'InvalidClientTokenId' }, /or eu-west-1 is not enabled.*--aws-profile/);
  await refused({ code: 'ENOTFOUND' }, /cannot be reached in eu-west-1 \(ENOTFOUND\)/);
  await refused({ name: 'Odd', message: 'odd' }, /did not say whose.*\(Odd: odd\)/);
  assert.equal(await checkCredentials(async () => ({ accountId: '1' }), 'eu-west-1'), '1');
});

test('a build shows its output, and takes the architecture', async (t) => {
  const cwd = folder(t, { Makefile: 'zips:\n\t@echo built for $(ARCH)\n' });
  let shown = '';
  await buildZips({ arch: 'x86_64', cwd, show: (chunk) => (shown += chunk) });
  assert.equal(shown, 'built for x86_64\n');
});

test('a build that fails stops with its last lines', async (t) => {
  const cwd = folder(t, { Makefile: 'zips:\n\t@seq 1 50; echo no space left >&2; exit 3\n' });
  await assert.rejects(buildZips({ arch: 'arm64', cwd, show: () => {} }), (error) => {
    assert.match(error.message, /"make --silent zips ARCH=arm64" failed with exit code 2/);
    assert.match(error.message, /no space left/);
    assert.doesNotMatch(error.message, /^ {2}30$/m);
    return true;
  });
});

test('a zip that is not there is named once', (t) => {
  const cwd = folder(t, { 'here.zip': '' });
  const of = (artifact) => ({ package: { artifact } });
  checkZips({ a: of('here.zip'), b: {} }, cwd);
  assert.throws(
    () => checkZips({ a: of('gone.zip'), b: of('gone.zip') }, cwd),
    /are not there: gone.zip; "make zips"/
  );
});

test('a deployment that is up says where it is and what comes next', () => {
  const Outputs = [{ OutputKey: 'Url', OutputValue: 'https://x.example' }];
  const lines = nextSteps({ Outputs }, { identifier: 'demo', stage: 'prod' });
  assert.match(lines[0], /POST https:\/\/x.example\/events$/);
  assert.match(lines.at(-1), /serverless remove --identifier demo --stage prod$/);
  assert.deepEqual(nextSteps({}, { identifier: 'demo', stage: 'dev' }), []);
});

test('the next steps are for the region and the account that were named', () => {
  const Outputs = [{ OutputKey: 'Url', OutputValue: 'https://x.example' }];
  const named = { identifier: 'demo', stage: 'dev', region: 'eu-west-1', profile: 'work' };
  const lines = nextSteps({ Outputs }, named);
  assert.match(lines[2], /playlake info --identifier demo --region eu-west-1 --profile work$/);
  assert.match(lines.at(-1), /remove --identifier demo --region eu-west-1 --aws-profile work$/);
});

test('sizes and numbers read well', () => {
  assert.deepEqual([0, 1, 999, 1000, 1234567].map(words.size), [
    '0 bytes',
    '1 byte',
    '999 bytes',
    '1 kB',
    '1.2 MB',
  ]);
  assert.equal(words.count(2500, 'object'), '2,500 objects');
});
