'use strict';

const { Refusal } = require('./refusal');

const SIGN_IN =
  'sign in with `aws configure sso` or `aws login`, and name the profile with --aws-profile.';

const UNREACHABLE = new Set(['EAI_AGAIN', 'ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'ETIMEDOUT']);
const UNKNOWN_KEY = new Set([
  'AuthFailure',
  'InvalidAccessKeyId',
  'InvalidClientTokenId',
  'SignatureDoesNotMatch',
  'UnrecognizedClientException',
]);

// osls opens the browser for a profile of SSO by itself; what then fails says so in its own words.
function what(error, region) {
  const { code, message, name } = error;
  if (code === 'UNRECOGNIZED_AWS_PROFILE') return `${message.replace(/\.$/, '')}`;
  if (code === 'AWS_CREDENTIALS_NOT_FOUND') return 'There are no AWS credentials';
  if (/expired/i.test(`${name} ${message}`)) return 'The AWS credentials have expired';
  if (UNKNOWN_KEY.has(name)) {
    return `AWS does not know these credentials, or ${region} is not enabled in the account (${name})`;
  }
  return `AWS did not say whose these credentials are (${name}: ${message})`;
}

/**
 * Whose the credentials are, asked of STS before anything is built or deleted.
 *
 * @param {() => Promise<{accountId: string}>} ask GetCallerIdentity
 * @returns {Promise<string>} the account's id
 */
async function checkCredentials(ask, region) {
  try {
    return (await ask()).accountId;
  } catch (error) {
    if (UNREACHABLE.has(error.code)) {
      throw new Refusal(
        `AWS cannot be reached in ${region} (${error.code}): look at the network, at the proxy, ` +
          'and at AWS_ENDPOINT_URL if it is set.',
        { cause: error }
      );
    }
    throw new Refusal(`${what(error, region)}: ${SIGN_IN}`, { cause: error });
  }
}

module.exports = { checkCredentials };
