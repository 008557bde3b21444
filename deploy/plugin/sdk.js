'use strict';

const { createRequire } = require('node:module');

// The AWS SDK is a dependency of osls and not of ours, so it is looked up from where osls is.
const fromOsls = createRequire(require.resolve('osls/package.json'));

/** The SDK's package for one service, as osls ships it: `sdk('s3')` is `@aws-sdk/client-s3`. */
const sdk = (service) => fromOsls(`@aws-sdk/client-${service}`);

/** The nearest of some names to one that is wrong, or null when none is near. */
function nearest(wrong, names) {
  const { closest, distance } = fromOsls('fastest-levenshtein');
  const found = names.length ? closest(wrong, names) : null;
  return found && distance(wrong, found) <= 3 ? found : null;
}

module.exports = { nearest, sdk };
