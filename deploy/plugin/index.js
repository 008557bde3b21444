'use strict';

const path = require('node:path');
const { buildZips, checkZips } = require('./build');
const { Clients } = require('./clients');
const { commands, existing, identified, offline } = require('./commands');
const { checkNoConsumers } = require('./consumers');
const { checkCredentials } = require('./credentials');
const { checkDelivery, checkDraining, checkRollback, hasKinesis } = require('./delivery');
const { deleteLogGroups } = require('./log_groups');
const { checkIdentifier, checkName } = require('./names');
const { nextSteps } = require('./outputs');
const { Refusal } = require('./refusal');
const { checkRegion, regionOfProfile } = require('./region');
const { bucketsOf, removeStack } = require('./removal');
const { Stack, checkUpdatable, isHalfMade } = require('./stack');
const { readSwitches } = require('./switches');
const { dropExports, dropNeedlessDependencies } = require('./template');

// What serverless.yml has where neither the command nor the environment names a region.
const OF_THE_PROFILE = 'of-the-profile';
const REGIONS = path.join(__dirname, '../generated/regions.json');

/**
 * What osls lacks for playlake: --identifier, checks before anything happens, the build of the
 * zips, and a removal that leaves nothing. Only wiring is here.
 */
class Playlake {
  constructor(serverless, options, { log, writeText }) {
    this.serverless = serverless;
    this.provider = serverless.getProvider('aws');
    this.command = serverless.processedInput.commands.join(' ');
    this.say = (sentence) => log.notice(sentence);
    this.write = writeText;
    this.clients = new Clients(() => this.provider.getAwsSdkV3Config());
    this.commands = commands;
    this.hooks = {
      'initialize': () => this.checkSurroundings(),
      'before:package:initialize': () => this.build(),
      'before:deploy:function:packageFunction': () => this.build(),
      'before:aws:package:finalize:saveServiceState': () => this.tidyTemplate(),
      'before:aws:deploy:deploy:createStack': () => this.clearHalfMade(),
      'remove:remove': () => this.remove(),
      'finalize': () => this.finish(),
    };
  }

  get concerned() {
    return identified.has(this.command) && !this.serverless.processedInput.isHelpRequest;
  }

  /** Names and switches, before osls resolves a variable that holds one. */
  async asyncInit() {
    this.takeOverRemoval();
    this.takeOverRegions();
    if (!this.concerned) return;
    const { options } = this.serverless.processedInput;
    checkIdentifier(options.identifier, this.command);
    checkName('stage', this.provider.getStage());
    checkRollback(this.command, options);
    this.switches = readSwitches(options.param, this.serverless.configurationInput.custom?.switches);
    checkDraining(this.switches);
    this.given = { region: options.region, profile: options['aws-profile'] };
    // osls parses the line again once plugins are there, with what is added to it here.
    if (this.command === 'logs' && !options.function) process.argv.push('--function', 'collect');
    if (this.provider.getRegion() === OF_THE_PROFILE) {
      process.argv.push('--region', await regionOfProfile(options['aws-profile']));
    }
  }

  // osls's own removal empties no bucket but its own, and gives up at the first failure.
  takeOverRemoval() {
    const { hooks } = this.serverless.pluginManager;
    for (const event of ['remove:remove', 'finalize']) {
      hooks[event] = hooks[event].filter(({ pluginName }) => pluginName !== 'AwsRemove');
    }
  }

  // osls's schema lists the regions of its release, and answers any other with that list.
  takeOverRegions() {
    const { properties } = this.serverless.configSchemaHandler.schema;
    properties.provider.properties.region = { type: 'string' };
  }

  /** Region, credentials and the stack's state, before anything is built, uploaded or deleted. */
  async checkSurroundings() {
    if (!this.concerned) return;
    this.region = this.provider.getRegion();
    checkRegion(this.region, require(REGIONS));
    if (offline.has(this.command)) return;
    this.account = await checkCredentials(() => this.provider.getAccountInfo(), this.region);
    if (this.command === 'deploy') await this.checkDeployable();
    if (existing.has(this.command)) await this.checkThere();
  }

  async stack() {
    const every = Number(process.env.SLS_AWS_MONITORING_FREQUENCY ?? 5000);
    const name = this.provider.naming.getStackName();
    return new Stack(await this.clients.cloudFormation(), name, { every });
  }

  async checkDeployable() {
    const stack = await this.stack();
    const found = await stack.settled(this.say);
    if (!found) return;
    checkUpdatable(stack.name, found.StackStatus, this.region);
    checkDelivery(found, this.switches);
    if (!hasKinesis(this.switches)) await checkNoConsumers(stack, await this.clients.iam());
  }

  async checkThere() {
    const stack = await this.stack();
    if (await stack.describe()) return;
    const { identifier } = this.serverless.processedInput.options;
    throw new Refusal(
      `Nothing is deployed as "${identifier}" in stage ${this.provider.getStage()}, region ` +
        `${this.region} (no stack ${stack.name} in account ${this.account}).`
    );
  }

  async build() {
    const cwd = this.serverless.serviceDir;
    if (!this.switches.zips && !process.env.PLAYLAKE_ZIPS) {
      this.say('Building the zips');
      const show = (chunk) => process.stderr.write(chunk);
      await buildZips({ arch: this.switches.arch ?? 'arm64', cwd, show });
    }
    checkZips(this.serverless.service.functions, cwd);
  }

  tidyTemplate() {
    const { compiledCloudFormationTemplate: template } = this.serverless.service.provider;
    dropNeedlessDependencies(template);
    dropExports(template);
  }

  async clearHalfMade() {
    const stack = await this.stack();
    const found = await stack.settled(this.say);
    if (!found || !isHalfMade(found.StackStatus)) return;
    this.say(
      `The stack ${stack.name} is half made (${found.StackStatus}) and cannot be updated; ` +
        'deleting it first'
    );
    await removeStack(stack, { s3: await this.clients.s3(), say: this.say });
  }

  async remove() {
    const stack = await this.stack();
    if (await stack.settled(this.say)) await this.removeFound(stack);
    else this.say(`There is no stack ${stack.name} in account ${this.account}, region ${this.region}`);
    for (const name of await deleteLogGroups(await this.clients.logs(), stack.name)) {
      this.say(`Deleted the log group ${name}`);
    }
    this.say(`Nothing is left of ${stack.name} in ${this.region}`);
  }

  async removeFound(stack) {
    await checkNoConsumers(stack, await this.clients.iam());
    const buckets = bucketsOf(await stack.resources());
    this.say(
      `Deleting the stack ${stack.name} of account ${this.account}` +
        `${buckets.length ? `, and all data in ${buckets.join(' and ')}` : ''}`
    );
    await removeStack(stack, { s3: await this.clients.s3(), say: this.say });
  }

  async finish() {
    if (!['deploy', 'info'].includes(this.command)) return;
    const { identifier } = this.serverless.processedInput.options;
    const found = await (await this.stack()).describe();
    const stage = this.provider.getStage();
    const lines = nextSteps(found ?? {}, { identifier, stage, ...this.given });
    if (lines.length) this.write(['', ...lines].join('\n'));
  }
}

module.exports = Playlake;
