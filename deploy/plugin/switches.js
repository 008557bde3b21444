'use strict';

const { Refusal } = require('./refusal');
const { nearest } = require('./sdk');

function parse(text) {
  const [, name, value] = /^([^=]+)=(.+)$/s.exec(text ?? '') ?? [];
  if (!name) throw new Refusal(`--param ${text} is no switch: write --param name=value.`);
  return [name, value];
}

function list(declared) {
  const width = Math.max(...Object.keys(declared).map((name) => name.length));
  return Object.entries(declared)
    .map(([name, { default: value, doc }]) => {
      return `  ${name.padEnd(width)}  ${doc}${value === '' ? '' : ` Default: ${value}`}`;
    })
    .join('\n');
}

function unknown(name, declared) {
  const near = nearest(name, Object.keys(declared));
  const hint = near ? ` Did you mean "${near}"?` : '';
  return new Refusal(`There is no switch "${name}".${hint} Those there are:\n${list(declared)}`);
}

function checkValue(name, value, values) {
  if (!values || values.includes(value)) return;
  const near = nearest(value, values);
  const hint = near ? ` Did you mean "${near}"?` : '';
  throw new Refusal(`The switch "${name}" cannot be "${value}".${hint} It is ${values.join(' or ')}.`);
}

/**
 * The switches in force: what `--param name=value` gave, and the defaults of the rest.
 *
 * @param {string[]} given the values of --param, as typed
 * @param {Object<string, {default, doc: string, values?: string[]}>} declared custom.switches of
 *   serverless.yml; without `values` a switch takes any
 * @throws {Refusal} for a name that is not declared, a value that the switch does not take, and for
 *   what is no name=value
 */
function readSwitches(given = [], declared = {}) {
  const values = Object.fromEntries(
    Object.entries(declared).map(([name, { default: value }]) => [name, value])
  );
  for (const [name, value] of given.map(parse)) {
    if (!Object.hasOwn(declared, name)) throw unknown(name, declared);
    checkValue(name, value, declared[name].values);
    values[name] = value;
  }
  return values;
}

module.exports = { readSwitches };
