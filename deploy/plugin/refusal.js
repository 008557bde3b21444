'use strict';

/** An error that osls prints as its sentence alone, without a stack trace: it knows such by name. */
class Refusal extends Error {
  constructor(sentence, options) {
    super(sentence, options);
    this.name = 'ServerlessError';
    this.code = 'PLAYLAKE_REFUSED';
  }
}

module.exports = { Refusal };
