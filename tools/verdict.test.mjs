import assert from 'node:assert/strict';
import { test } from 'node:test';
import { spawnSync } from 'node:child_process';
import { alone, filesToTryAgain, verdict } from './verdict.mjs';

const file = (name, status, tests = {}) => ({
  name,
  status,
  assertionResults: Object.entries(tests).map(([fullName, status]) => ({ fullName, status })),
});
const a = (status) => file('a', status, { one: 'passed', two: status });
const b = file('b', 'passed', { three: 'pending', four: 'passed' });

test('a run in which all passed is told as it is', () => {
  const first = { testResults: [a('passed'), b] };
  assert.deepEqual(filesToTryAgain(first), []);
  assert.deepEqual(verdict(first), { passed: 3, failed: 0, skipped: 1, failures: [], skips: ['three'], unsteady: [] });
});

test('what passes on its second try counts once and is named', () => {
  const first = { testResults: [a('failed'), b] };
  assert.deepEqual(filesToTryAgain(first), ['a']);
  const said = verdict(first, { testResults: [a('passed')] });
  assert.deepEqual([said.passed, said.failed, said.unsteady], [3, 0, ['two']]);
});

test('what fails twice has failed, and is not unsteady', () => {
  const said = verdict({ testResults: [a('failed')] }, { testResults: [a('failed')] });
  assert.deepEqual([said.passed, said.failed, said.failures, said.unsteady], [1, 1, ['two'], []]);
});

test('a second try that never reported changes nothing', () => {
  assert.deepEqual(verdict({ testResults: [a('failed')] }, undefined).failures, ['two']);
});

test('a file that could not be run has failed by its own name', () => {
  const broken = file('a', 'failed');
  assert.deepEqual(verdict({ testResults: [broken] }, { testResults: [broken] }).failures, ['a']);
  assert.deepEqual(verdict({ testResults: [broken] }, { testResults: [a('passed')] }).unsteady, ['a']);
});

test('many failures are not tried again', () => {
  const testResults = ['a', 'b', 'c', 'd'].map((name) => file(name, 'failed', { x: 'failed' }));
  assert.deepEqual(filesToTryAgain({ testResults }), []);
});

test('jest takes the options of a second try', () => {
  for (const options of [
    ['--maxWorkers=2', '--forceExit'],
    ['--runInBand', '--forceExit'],
  ]) {
    const jest = [new URL('../node_modules/jest/bin/jest.js', import.meta.url).pathname, '--listTests', '--passWithNoTests'];
    const { status, stderr } = spawnSync(process.execPath, [...jest, ...alone(options), 'no-such-file'], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  }
});
