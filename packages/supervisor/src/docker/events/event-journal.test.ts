import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@gantry/rpc';
import { Database } from '../../core/records';
import { DockerEvents, type Subscription } from './docker-events';
import { openEventJournal } from './event-journal';
import type { EventBounds, EventJournal } from './journal-contract';

let folder: string;
let db: Database;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gantry-events-'));
  db = new Database(join(folder, 'a.db'));
});
afterEach(() => {
  db.close();
  rmSync(folder, { recursive: true });
});

/** The events of one process. */
function open(bounds?: EventBounds): { journal: EventJournal; bus: DockerEvents } {
  const journal = openEventJournal(db, silentLogger, bounds);
  return { journal, bus: new DockerEvents(journal, silentLogger) };
}

function happens(bus: DockerEvents, ...ids: (string | number)[]): void {
  for (const id of ids) bus.emit({ type: 'container', action: 'start', id: String(id) });
}

async function read({ events }: Subscription, count: number): Promise<string[]> {
  const seen: string[] = [];
  for await (const { event } of events) if (seen.push(event.Actor?.ID ?? '') === count) break;
  return seen;
}

it('a listener who asks again behind the last position has every event once, in order, whoever died meanwhile', async () => {
  const first = open();
  happens(first.bus, 1, 2);
  const positions: bigint[] = [];
  for await (const { position } of first.bus.subscribe({ since: 0n }).events) if (positions.push(position) === 2) break;
  happens(first.bus, 3); // nobody read it
  db.close();
  db = new Database(join(folder, 'a.db'));
  const second = open();
  happens(second.bus, 4);
  const again = second.bus.subscribe({ after: positions.at(-1) });
  expect(again.position).toBe(2n);
  happens(second.bus, 5);
  expect(await read(again, 3)).toEqual(['3', '4', '5']);
  const times = second.journal.read(0n, 9n, 9).map(({ event }) => event.timeNano);
  expect(times.every((time, i) => i === 0 || time > (times[i - 1] ?? time))).toBe(true);
});

it('an event inside a transaction is true with it, and told when it is', async () => {
  const { bus, journal } = open();
  const seen = bus.subscribe({});
  expect(() =>
    db.transaction(() => {
      happens(bus, 'never');
      throw new Error('it fails');
    }),
  ).toThrow('it fails');
  db.transaction(() => {
    happens(bus, 'both');
    expect(journal.usage().newest).toBe(0n);
  });
  happens(bus, 'after');
  expect(await read(seen, 2)).toEqual(['both', 'after']);
  expect(journal.read(0n, 9n, 9).map(({ position }) => position)).toEqual([1n, 2n]);
});

it('what the engine is told of again becomes an event once', () => {
  const { bus, journal } = open();
  for (const source of ['oom 1', 'oom 2', 'oom 1']) bus.emit({ type: 'container', action: 'oom', id: 'c', source });
  expect([journal.usage().newest, open().journal.usage().newest]).toEqual([2n, 2n]);
});

it.each([
  ['number', { events: 32, bytes: 1e9 }],
  ['bytes', { events: 1e9, bytes: 32 * 60 }],
])('is bounded by the %s of events, in this process and the next', async (_, bounds) => {
  const { bus, journal } = open(bounds);
  for (let i = 0; i < 500; i++) {
    happens(bus, i);
    const { oldest, newest, used } = journal.usage();
    expect(Number(newest - oldest) < bounds.events && used <= bounds.bytes).toBe(true);
  }
  const { oldest, newest } = journal.usage();
  expect(Number(newest - oldest)).toBeGreaterThan(15);
  expect(await read(bus.subscribe({ since: 0n }), 1)).toEqual([String(oldest - 1n)]);
  const next = open({ events: 4, bytes: 1e9 }).journal.usage();
  expect([next.newest - next.oldest < 4n, next.newest]).toEqual([true, 500n]);
});

it('positions that are no longer there, or never were, are refused', () => {
  const { bus } = open({ events: 4, bytes: 1e9 });
  happens(bus, 1, 2, 3, 4, 5, 6);
  expect(() => bus.subscribe({ after: 1n })).toThrow(expect.objectContaining({ kind: 'outOfRange' }));
  expect(() => bus.subscribe({ after: 7n })).toThrow('events behind position 7 are not in the journal');
  expect(bus.listenerCount).toBe(0);
});

it('a reader of the past that is passed by is told so', async () => {
  const { bus } = open({ events: 600, bytes: 1e9 });
  happens(bus, ...Array.from({ length: 600 }, (_, i) => i));
  const slow = bus.subscribe({ since: 0n }).events[Symbol.asyncIterator]();
  await slow.next();
  happens(bus, ...Array.from({ length: 600 }, (_, i) => i));
  const rest = async (): Promise<void> => {
    for (let step = await slow.next(); step.done !== true; step = await slow.next());
  };
  await expect(rest()).rejects.toMatchObject({ kind: 'outOfRange' });
});

it('what cannot be written down is told to who listens, and later events are written again', async () => {
  const { bus, journal } = open();
  const seen = bus.subscribe({});
  db.sql.exec('PRAGMA query_only = 1');
  happens(bus, 'lost');
  db.sql.exec('PRAGMA query_only = 0');
  happens(bus, 'kept');
  expect(await read(seen, 2)).toEqual(['lost', 'kept']);
  expect(journal.read(0n, 9n, 9).map(({ event }) => event.Actor?.ID)).toEqual(['kept']);
});

it('opens a store that was written before there were events in it', () => {
  db.sql.exec('DROP TABLE events; DROP TABLE plugins; PRAGMA user_version = 2');
  db.close();
  db = new Database(join(folder, 'a.db'));
  const { bus, journal } = open();
  happens(bus, 'first');
  expect(journal.usage().newest).toBe(1n);
});
