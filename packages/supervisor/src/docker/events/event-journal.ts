import { EventMessage } from '@gantry/api/gantry/engine/v1/types';
import type { Logger } from '@gantry/rpc';
import type { Database } from '../../core/records';
import { DEFAULT_BOUNDS, type EventBounds, type EventJournal } from './journal-contract';

interface Row {
  readonly seq: number;
  readonly event: Uint8Array;
}

/** What goes at once when a bound is reached: a sixteenth of it, so that most events cost one insertion. */
const AT_ONCE = 1 / 16;

/** No event is later. */
const LAST_TIME = 2n ** 63n - 1n;

/** Opens the journal of one database; see EventJournal for the contract. */
export function openEventJournal(db: Database, logger: Pick<Logger, 'warn'>, bounds: EventBounds = DEFAULT_BOUNDS): EventJournal {
  const { sql } = db;
  const insert = sql.prepare('INSERT INTO events (time, subject, action, source, event) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING');
  const page = sql.prepare('SELECT seq, event FROM events WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?');
  const firstSince = sql.prepare('SELECT seq FROM events WHERE time >= ? ORDER BY seq LIMIT 1');
  const runs = sql.prepare("SELECT subject, action, max(seq) FROM events WHERE action IN ('start', 'die') GROUP BY subject");
  const sizes = sql.prepare('SELECT seq, length(event) AS size FROM events ORDER BY seq LIMIT ?');
  const drop = sql.prepare('DELETE FROM events WHERE seq <= ?');

  let { bytes, oldest, newest } = sql
    .prepare(
      'SELECT coalesce(sum(length(event)), 0) AS bytes, coalesce(min(seq), 1) AS oldest, coalesce(max(seq), 0) AS newest FROM events',
    )
    .get() as { bytes: number; oldest: number; newest: number };
  /** Whether so many events of so many bytes are more than a part of the bounds. */
  const over = (first: number, size: number, part: number): boolean =>
    newest >= first + Math.floor(bounds.events * part) || size > bounds.bytes * part;

  /** The newest stays, however large it is. What cannot be taken away now (the disk is full) is tried again at the next event. */
  const trim = (): void => {
    if (!over(oldest, bytes, 1)) return;
    let [first, left] = [oldest, bytes];
    for (const { seq, size } of sizes.all(newest - oldest) as { seq: number; size: number }[]) {
      if (!over(first, left, 1 - AT_ONCE)) break;
      first = seq + 1;
      left -= size;
    }
    try {
      db.transaction(() => drop.run(first - 1), { durable: false });
      [oldest, bytes] = [first, left];
    } catch (error) {
      logger.warn({ err: error }, 'the oldest events could not be taken out of the journal');
    }
  };
  trim();

  return {
    append(event, source) {
      const encoded = EventMessage.encode(event).finish();
      return db.transaction(
        () => {
          const { changes, lastInsertRowid } = insert.run(event.timeNano, event.Actor?.ID ?? '', event.Action, source ?? null, encoded);
          if (Number(changes) === 0) return undefined;
          db.onCommit(() => {
            newest = Number(lastInsertRowid);
            bytes += encoded.length;
            trim();
          });
          return BigInt(lastInsertRowid);
        },
        { durable: false },
      );
    },
    read: (after, upTo, limit) =>
      (page.all(after, upTo, limit) as unknown as Row[]).map(({ seq, event }) => ({
        position: BigInt(seq),
        event: EventMessage.decode(event),
      })),
    before(timeNano) {
      const found = firstSince.get(timeNano > LAST_TIME ? LAST_TIME : timeNano < 0n ? 0n : timeNano) as { seq: number } | undefined;
      return BigInt(found === undefined ? newest : found.seq - 1);
    },
    lastOfRuns: () =>
      new Map((runs.all() as { subject: string; action: 'start' | 'die' }[]).map(({ subject, action }) => [subject, action])),
    usage: () => ({ ...bounds, oldest: BigInt(oldest), newest: BigInt(newest), used: bytes }),
    onCommit: (fn) => db.onCommit(fn),
    get joining() {
      return db.active;
    },
  };
}
