import { silentLogger } from '@gantry/rpc';
import type { TaskEvent } from './contract';
import { Deliveries } from './deliveries';

const event = (sequence: number): TaskEvent => ({
  sequence: BigInt(sequence),
  namespace: 'n',
  topic: '/tasks/exit',
  timestamp: { seconds: BigInt(sequence), nanos: 0 },
  event: { typeUrl: 't', value: Buffer.alloc(0) },
  exitError: '',
});

let stop: AbortController;
beforeEach(() => {
  jest.useFakeTimers();
  stop = new AbortController();
});
afterEach(() => {
  stop.abort();
  jest.useRealTimers();
});

/** Events whose handler fails so many times, and what was handled, in order. */
function world(failures: Record<number, number>): { deliveries: Deliveries; seen: number[]; tries: number[] } {
  const [seen, tries]: [number[], number[]] = [[], []];
  const left = new Map(Object.entries(failures));
  const handler = (got: TaskEvent): void => {
    const number = Number(got.sequence);
    tries.push(number);
    const more = left.get(String(number)) ?? 0;
    left.set(String(number), more - 1);
    if (more > 0) throw new Error('the disk is full');
    seen.push(number);
  };
  return { deliveries: new Deliveries([handler], silentLogger, stop.signal), seen, tries };
}

test('an event is handled again until it succeeds, and acknowledged only then', async () => {
  const { deliveries, seen } = world({ 1: 25 });
  await deliveries.take(event(1), 'a');
  expect(deliveries.handled).toBe(0n);
  await jest.advanceTimersByTimeAsync(5 * 60_000);
  expect([seen, deliveries.handled]).toEqual([[], 0n]);
  await jest.advanceTimersByTimeAsync(10 * 60_000);
  expect([seen, deliveries.handled]).toEqual([[1], 1n]);
});

test('its pauses grow', async () => {
  const { deliveries, tries } = world({ 1: 1e9 });
  await deliveries.take(event(1), 'a');
  await jest.advanceTimersByTimeAsync(1000);
  expect(tries.length).toBeLessThan(6);
  await jest.advanceTimersByTimeAsync(3_600_000);
  expect(tries.length).toBeLessThan(140);
  expect(tries.length).toBeGreaterThan(100);
});

test('other containers do not wait, its own events keep their order, and nothing is acknowledged over its head', async () => {
  const { deliveries, seen } = world({ 2: 3 });
  for (const [sequence, container] of [
    [1, 'a'],
    [2, 'b'],
    [3, 'a'],
    [4, 'b'],
    [5, 'c'],
  ] as const)
    await deliveries.take(event(sequence), container);
  expect([seen, deliveries.handled]).toEqual([[1, 3, 5], 1n]);
  await jest.advanceTimersByTimeAsync(10_000);
  expect([seen, deliveries.handled]).toEqual([[1, 3, 5, 2, 4], 5n]);
});

test('what the stream brings again is not handled twice, another event of the same number is', async () => {
  const { deliveries, seen } = world({ 1: 2 });
  for (const sequence of [1, 2, 1, 2]) await deliveries.take(event(sequence), sequence === 1 ? 'a' : 'b');
  expect(seen).toEqual([2]);
  await deliveries.take({ ...event(2), topic: '/tasks/oom' }, 'b');
  expect(seen).toEqual([2, 2]);
  await jest.advanceTimersByTimeAsync(10_000);
  expect(seen).toEqual([2, 2, 1]);
});
