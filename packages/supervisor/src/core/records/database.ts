import type { DatabaseSync } from 'node:sqlite';
import { closeStore, damaged, openStore, storeError } from '@gantry/service';
import type { TransactionOptions } from './contract';

/** Each entry brings the schema from its index to the next; never edited once released. */
const migrations: readonly string[] = [
  `CREATE TABLE containers (
     namespace TEXT NOT NULL, id TEXT NOT NULL, seq INTEGER NOT NULL, record BLOB NOT NULL, docker BLOB,
     PRIMARY KEY (namespace, id)) STRICT, WITHOUT ROWID;
   CREATE INDEX containers_seq ON containers (namespace, seq);
   CREATE TABLE names (name TEXT PRIMARY KEY, container_id TEXT NOT NULL) STRICT, WITHOUT ROWID;
   CREATE INDEX names_container ON names (container_id);
   CREATE TABLE namespaces (name TEXT PRIMARY KEY, labels TEXT NOT NULL) STRICT, WITHOUT ROWID;
   CREATE TABLE journal (
     id TEXT PRIMARY KEY, kind TEXT NOT NULL, subject TEXT NOT NULL, started_at TEXT NOT NULL,
     input TEXT NOT NULL) STRICT, WITHOUT ROWID;`,
  `CREATE TABLE sandboxes (
     namespace TEXT NOT NULL, id TEXT NOT NULL, seq INTEGER NOT NULL, record BLOB NOT NULL, state TEXT NOT NULL,
     PRIMARY KEY (namespace, id)) STRICT, WITHOUT ROWID;`,
  `CREATE TABLE events (
     seq INTEGER PRIMARY KEY, time INTEGER NOT NULL, subject TEXT NOT NULL, action TEXT NOT NULL, source TEXT, event BLOB NOT NULL) STRICT;
   CREATE UNIQUE INDEX events_source ON events (source) WHERE source IS NOT NULL;`,
  `CREATE TABLE plugins (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, record TEXT NOT NULL) STRICT, WITHOUT ROWID;`,
];

/** Bytes of the file for one of an event. */
const ROW_COST = 1.3;

/**
 * The supervisor's database file (0600): see openStore for what it refuses.
 */
export class Database {
  readonly sql: DatabaseSync;
  private depth = 0;
  private synchronous: 'FULL' | 'NORMAL' = 'FULL';
  private readonly afterCommit: (() => void)[] = [];

  /** @param events bytes that its events may take: they are held beside what every store holds, for when the disk is full */
  constructor(
    private readonly file: string,
    events = 0,
  ) {
    this.sql = openStore({
      path: file,
      migrations,
      room(db) {
        const { bytes } = db.prepare('SELECT coalesce(sum(length(event)), 0) AS bytes FROM events').get() as { bytes: number };
        return Math.max(0, Math.ceil((events - bytes) * ROW_COST));
      },
    });
  }

  /** All or nothing. A nested call joins the outer transaction, whose durability counts. */
  transaction<T>(fn: () => T, { durable = true }: TransactionOptions = {}): T {
    if (this.depth > 0) return this.nested(fn);
    const mode = durable ? 'FULL' : 'NORMAL';
    let result: T;
    try {
      if (mode !== this.synchronous) {
        this.sql.exec(`PRAGMA synchronous = ${mode}`);
        this.synchronous = mode;
      }
      this.sql.exec('BEGIN IMMEDIATE');
      result = this.nested(fn);
      this.sql.exec('COMMIT');
    } catch (error) {
      this.afterCommit.length = 0;
      if (this.sql.isTransaction) this.sql.exec('ROLLBACK');
      throw storeError(error, this.file);
    }
    for (const run of this.afterCommit.splice(0)) run();
    return result;
  }

  /** Reads a record's own form; what cannot be read is damage of the file. */
  read<T>(id: string, decode: () => T): T {
    try {
      return decode();
    } catch (error) {
      throw damaged(this.file, `record of container ${id} cannot be read`, error);
    }
  }

  /** Whether a transaction is under way. */
  get active(): boolean {
    return this.depth > 0;
  }

  /** Runs fn once the present transaction is committed; never when it is rolled back. */
  onCommit(fn: () => void): void {
    if (this.depth === 0) fn();
    else this.afterCommit.push(fn);
  }

  private nested<T>(fn: () => T): T {
    this.depth++;
    try {
      return fn();
    } finally {
      this.depth--;
    }
  }

  close(): void {
    closeStore(this.sql);
  }
}
