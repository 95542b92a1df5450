import { execFileSync } from 'node:child_process';
import { buildSync } from 'esbuild';
import { SpareMemory } from './spare-memory';

const MIB = 1 << 20;

function fake() {
  const state = { resident: 70 * MIB, spare: 0, busy: 0, collections: 0 };
  const source = {
    resident: () => state.resident + state.spare,
    busy: () => state.busy,
    giveBack: () => {
      state.collections++;
      state.spare = 0;
    },
  };
  const memory = new SpareMemory(source);
  let now = 0;
  const look = (times = 1): void => {
    for (let at = 0; at < times; at++) memory.look((now += 5000));
  };
  look();
  return { state, look };
}

test('what heavy work left is given back when it is over, and not before', () => {
  const { state, look } = fake();
  Object.assign(state, { spare: 130 * MIB, busy: 0.8 });
  look(10);
  expect(state.collections).toBe(0);
  state.busy = 0;
  look();
  expect([state.collections, state.spare]).toEqual([1, 0]);
  look(100);
  expect(state.collections).toBe(1);
});

test('a little more than before is left alone', () => {
  const { state, look } = fake();
  state.spare = 10 * MIB;
  look(100);
  expect(state.collections).toBe(0);
});

test('memory that is in use is asked for again and again more seldom, until there was work', () => {
  const { state, look } = fake();
  state.resident += 100 * MIB;
  look(720); // an hour
  expect(state.collections).toBeLessThan(8);
  state.busy = 1;
  look();
  Object.assign(state, { busy: 0, spare: 50 * MIB });
  const before = state.collections;
  look();
  expect(state.collections).toBe(before + 1);
});

/** Run by itself: the process of a test runner has much else in its memory. `garbage` makes some 50 MiB and more. */
const own = (garbage: string): string => `
import { setTimeout as sleep } from 'node:timers/promises';
import { SpareMemory } from './spare-memory';
const MIB = 1 << 20;
const kept = [];
async function main() {
  const memory = new SpareMemory();
  memory.look(0);
  let garbage = ${garbage};
  const full = process.memoryUsage.rss();
  garbage = undefined;
  for (let now = 0; now <= 100 && process.memoryUsage.rss() > full - 45 * MIB; now++) {
    await sleep(100);
    memory.look(now * 1e7);
  }
  process.stdout.write(String((full - process.memoryUsage.rss()) / MIB));
}
void main();
`;

test.each([
  ['buffers', 'Array.from({ length: 100 }, () => Buffer.alloc(MIB, 1))'],
  // One in three hundred lives on: hardly a page of V8's is empty.
  [
    'pages of objects',
    "Array.from({ length: 400_000 }, (_, i) => { const one = { i, list: [i], text: 'x' + i }; if (i % 300 === 0) kept.push(one); return one; })",
  ],
])("the process's own memory can be given back: %s", (_what, garbage) => {
  const { outputFiles } = buildSync({
    stdin: { contents: own(garbage), resolveDir: __dirname, loader: 'ts' },
    bundle: true,
    write: false,
    platform: 'node',
    external: ['koffi'],
    logLevel: 'error',
  });
  const given = execFileSync(process.execPath, ['-e', outputFiles[0]?.text ?? ''], { cwd: __dirname, encoding: 'utf8' });
  expect(Number(given)).toBeGreaterThan(45);
});
