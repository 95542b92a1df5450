import { parseSecondsNanos } from '../../core/events/clock';
import type { Subscription } from './docker-events';
import { memoryEvents } from './testing/memory-events';

async function take({ events }: Subscription, count: number): Promise<string[]> {
  const seen: string[] = [];
  for await (const { event } of events) {
    seen.push(`${event.Type} ${event.Action}`);
    if (seen.length === count) break;
  }
  return seen;
}

const container = (action: string, attributes: Record<string, string> = {}) => ({
  type: 'container',
  action,
  id: 'abcdef',
  attributes: { name: 'web', image: 'nginx:1', ...attributes },
});

test('a listener gets what happens after it subscribed, in order', async () => {
  const bus = memoryEvents();
  bus.emit(container('create'));
  const events = bus.subscribe({});
  bus.emit(container('start'));
  bus.emit(container('die'));
  expect(await take(events, 2)).toEqual(['container start', 'container die']);
  expect(bus.listenerCount).toBe(0);
});

test('since replays exactly, to the nanosecond, and until in the past ends', async () => {
  let now = 1_000n;
  const bus = memoryEvents(() => (now += 10n));
  const [first, second] = [{ timeNano: 1_010n }, { timeNano: 1_020n }];
  for (const action of ['create', 'start', 'die']) bus.emit(container(action));
  expect(await take(bus.subscribe({ since: second.timeNano, until: 5_000n }), 9)).toEqual(['container start', 'container die']);
  expect(await take(bus.subscribe({ since: 0n, until: first.timeNano }), 9)).toEqual(['container create']);
  expect(await take(bus.subscribe({ until: second.timeNano }), 9)).toEqual(['container create', 'container start']);
});

test('until in the future ends by itself; an abort ends too', async () => {
  const now = BigInt(Date.now()) * 1_000_000n;
  const bus = memoryEvents(() => now);
  const events = bus.subscribe({ until: now + 40_000_000n });
  bus.emit(container('start'));
  expect(await take(events, 9)).toEqual(['container start']);
  const abort = new AbortController();
  const live = bus.subscribe({}, abort.signal);
  setTimeout(() => abort.abort(), 5);
  expect(await take(live, 9)).toEqual([]);
});

test.each([
  [{ container: ['we'] }, 3],
  [{ container: ['abc'] }, 3],
  [{ container: ['bc'] }, 0],
  [{ image: ['nginx'] }, 4],
  [{ image: ['nginx:1'] }, 4],
  [{ event: ['exec_create'] }, 1],
  [{ event: ['exec'] }, 0],
  [{ event: ['start', 'pull'] }, 2],
  [{ type: ['image'] }, 1],
  [{ label: ['tier=front'] }, 1],
  [{ label: ['tier', 'other'] }, 0],
  [{ scope: ['swarm'] }, 0],
  [{ unknown: ['x'] }, 4],
  [{ type: ['container'], event: ['start'] }, 1],
])('filter %j lets %i through', async (filters, count) => {
  let now = 0n;
  const bus = memoryEvents(() => ++now);
  bus.emit(container('create', { tier: 'front' }));
  bus.emit(container('start'));
  bus.emit(container('exec_create: sh -c x'));
  bus.emit({ type: 'image', action: 'pull', id: 'nginx:1', attributes: { name: 'nginx' } });
  const query = Object.fromEntries(Object.entries(filters).map(([key, values]) => [key, { values: values ?? [] }]));
  const seen = await take(bus.subscribe({ since: 0n, until: 9n, filters: query }), 9);
  expect(seen).toHaveLength(count);
});

test('a reader that never reads is cut off instead of filling memory', async () => {
  const bus = memoryEvents();
  const { events } = bus.subscribe({});
  for (let i = 0; i < 16_386; i++) bus.emit(container('start'));
  expect(bus.listenerCount).toBe(0);
  await expect(events[Symbol.asyncIterator]().next()).rejects.toThrow('too slow');
});

test('times are read as docker writes them', () => {
  expect(parseSecondsNanos('')).toBeUndefined();
  expect(parseSecondsNanos('1700000000.5')).toBe(1_700_000_000_500_000_000n);
  expect(parseSecondsNanos('1700000000.000000001')).toBe(1_700_000_000_000_000_001n);
  expect(() => parseSecondsNanos('10m')).toThrow('10m');
});
