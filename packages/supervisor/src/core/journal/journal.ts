import { randomUUID } from 'node:crypto';
import type { Database, TransactionOptions } from '../records';

/** An operation that began and has not ended: what recovery looks at. */
export interface JournalEntry {
  readonly id: string;
  readonly kind: string;
  /** Id of the container. */
  readonly subject: string;
  /** RFC 3339. */
  readonly startedAt: string;
  /** Everything that finishing or undoing the operation needs, as JSON. */
  readonly input: unknown;
}

/**
 * The list of operations under way, in the same database as the records: an entry is written before the first step and removed in
 * the transaction that makes the operation's result true. What is found at the next start was cut short.
 */
export interface Journal {
  /** Not durable by default: after a power loss nothing of what a lost entry described is running, and reconciliation finds the rest. */
  begin(kind: string, subject: string, input: unknown, also?: () => void, options?: TransactionOptions): JournalEntry;
  /** Removes the entry and does `also`, in one transaction. */
  end<T>(entry: JournalEntry, also: () => T, options?: TransactionOptions): T;
  open(): JournalEntry[];
}

interface Row {
  readonly id: string;
  readonly kind: string;
  readonly subject: string;
  readonly started_at: string;
  readonly input: string;
}

export function openJournal(db: Database): Journal {
  const insert = db.sql.prepare('INSERT INTO journal (id, kind, subject, started_at, input) VALUES (?, ?, ?, ?, ?)');
  const drop = db.sql.prepare('DELETE FROM journal WHERE id = ?');
  const all = db.sql.prepare('SELECT id, kind, subject, started_at, input FROM journal ORDER BY started_at');
  return {
    begin(kind, subject, input, also, options = { durable: false }) {
      const entry: JournalEntry = { id: randomUUID(), kind, subject, startedAt: new Date().toISOString(), input };
      db.transaction(() => {
        insert.run(entry.id, kind, subject, entry.startedAt, JSON.stringify(input));
        also?.();
      }, options);
      return entry;
    },
    end(entry, also, options) {
      return db.transaction(() => {
        drop.run(entry.id);
        return also();
      }, options);
    },
    open: () =>
      (all.all() as unknown as Row[]).map((row) => ({
        id: row.id,
        kind: row.kind,
        subject: row.subject,
        startedAt: row.started_at,
        input: JSON.parse(row.input) as unknown,
      })),
  };
}
