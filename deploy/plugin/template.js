'use strict';

// Fn::Sub's references: "${Role}", "${Role.Arn}"; "${!Literal}" and "${AWS::Region}" are none.
const IN_TEXT = /\$\{([A-Za-z0-9]+)(?:\.[^}]*)?\}/g;

function inText(sub) {
  const [text, own = {}] = Array.isArray(sub) ? sub : [sub];
  const names = [...text.matchAll(IN_TEXT)].map(([, name]) => name);
  return [...names.filter((name) => !Object.hasOwn(own, name)), ...references(own)];
}

function references(value) {
  if (value === null || typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([key, inside]) => {
    if (key === 'Ref') return [inside];
    if (key === 'Fn::GetAtt') return [Array.isArray(inside) ? inside[0] : inside.split('.')[0]];
    if (key === 'Fn::Sub') return inText(inside);
    return references(inside);
  });
}

/**
 * Drop each DependsOn that a reference in the resource enforces already, as osls writes them:
 * cfn-lint finds them redundant (W3005), and a template to be read should have nothing to find.
 *
 * @param {{Resources: Object<string, object>}} template changed in place
 */
function dropNeedlessDependencies({ Resources }) {
  for (const resource of Object.values(Resources)) {
    if (!resource.DependsOn) continue;
    // Not in Fn::If: what one branch refers to, the other does not wait for.
    const enforced = new Set(references(withoutBranches(resource.Properties)));
    const needed = [resource.DependsOn].flat().filter((name) => !enforced.has(name));
    if (needed.length) resource.DependsOn = needed;
    else delete resource.DependsOn;
  }
}

function withoutBranches(value) {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(withoutBranches);
  const kept = Object.entries(value).filter(([key]) => key !== 'Fn::If');
  return Object.fromEntries(kept.map(([key, inside]) => [key, withoutBranches(inside)]));
}

/**
 * Drop each Export. osls exports outputs by the names of service and stage, and an export's name is
 * unique in an account and region: CloudFormation would refuse a second identifier. Nothing imports.
 *
 * @param {{Outputs: Object<string, object>}} template changed in place
 */
function dropExports({ Outputs }) {
  for (const output of Object.values(Outputs)) delete output.Export;
}

module.exports = { dropExports, dropNeedlessDependencies };
