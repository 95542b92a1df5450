// Jest gives tests a copy of `process` whose listeners no signal reaches. Those that the code under test waits for are passed on.
const { TestEnvironment } = require('jest-environment-node');

const PASSED_ON = ['SIGURG'];

module.exports = class extends TestEnvironment {
  async setup() {
    await super.setup();
    this.passing = PASSED_ON.map((signal) => [signal, () => this.global.process.emit(signal)]);
    for (const [signal, pass] of this.passing) process.on(signal, pass);
  }

  async teardown() {
    for (const [signal, pass] of this.passing ?? []) process.off(signal, pass);
    await super.teardown();
  }
};
