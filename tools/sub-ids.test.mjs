// Runs of the tests at the same time have ids of their own. Run: tools/node --test tools/sub-ids.test.mjs
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freeRange } from './sub-ids.mjs';

const FIRST = 1_879_048_192;
const range = (at) => `${FIRST + at * 65_536}-${FIRST + at * 65_536 + 65_535}`;
const line = (at, size = 65_536) => `gantry-test-${at}:${FIRST + at * 65_536}:${size}`;

test('each run begins elsewhere, and passes over what is taken, also in part', () => {
  assert.equal(freeRange('', 0), range(0));
  assert.equal(freeRange('someone:100000:65536\n', 1), range(1));
  assert.equal(freeRange(`${line(7)}\n${line(8, 1)}\n`, 7), range(9));
  assert.equal(freeRange('', 4096), range(0));
  assert.equal(freeRange(`all:${FIRST}:${4096 * 65_536}`, 5), '');
});
