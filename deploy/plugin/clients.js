'use strict';

const { sdk } = require('./sdk');

/** The clients that the plugin uses, made on first use with osls's own credentials and region. */
class Clients {
  #config;
  #made = new Map();

  /** @param {() => Promise<object>} config what a client's constructor takes */
  constructor(config) {
    this.#config = config;
  }

  async #client(service, name) {
    if (!this.#made.has(service)) {
      this.#made.set(service, new (sdk(service)[name])(await this.#config()));
    }
    return this.#made.get(service);
  }

  cloudFormation() {
    return this.#client('cloudformation', 'CloudFormationClient');
  }

  iam() {
    return this.#client('iam', 'IAMClient');
  }

  logs() {
    return this.#client('cloudwatch-logs', 'CloudWatchLogsClient');
  }

  s3() {
    return this.#client('s3', 'S3Client');
  }
}

module.exports = { Clients };
