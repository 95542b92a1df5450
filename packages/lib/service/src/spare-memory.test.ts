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
  state.spare = 20 * MIB;
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

test("the process's own memory can be given back", async () => {
  const { setTimeout: sleep } = await import('node:timers/promises');
  let garbage: Buffer[] | undefined = Array.from({ length: 100 }, () => Buffer.alloc(MIB, 1));
  const memory = new SpareMemory();
  expect(garbage.length).toBe(100);
  const full = process.memoryUsage.rss();
  garbage = undefined;
  memory.look(0);
  for (let now = 1e9; process.memoryUsage.rss() > full - 50 * MIB && now < 1e9 + 1e8; now += 1e7) {
    await sleep(100);
    (memory as unknown as { least: number }).least = 0; // as if it had been small once
    memory.look(now);
  }
  expect(process.memoryUsage.rss()).toBeLessThan(full - 50 * MIB);
});
