import { chmodSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { holdRoom } from '@gantry/service';
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
];

/**
 * The supervisor's database file (0600): SQLite in WAL mode, synchronous=FULL. Throws what SQLite throws when the file
 * is damaged or of a newer schema.
 */
export class Database {
  readonly sql: DatabaseSync;
  private depth = 0;
  private synchronous: 'FULL' | 'NORMAL' = 'FULL';
  private readonly afterCommit: (() => void)[] = [];

  constructor(file: string) {
    if (file !== ':memory:') mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    this.sql = new DatabaseSync(file);
    if (file !== ':memory:') chmodSync(file, 0o600);
    this.sql.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 2000;');
    this.migrate();
    if (file !== ':memory:') holdRoom(this.sql);
  }

  private migrate(): void {
    const row = this.sql.prepare('PRAGMA user_version').get() as { user_version: number };
    if (row.user_version > migrations.length) {
      throw new Error(`database has schema ${row.user_version}, this version knows ${migrations.length}: it was written by a newer gantry`);
    }
    for (let version = row.user_version; version < migrations.length; version++) {
      this.transaction(() => this.sql.exec(`${migrations[version]} PRAGMA user_version = ${version + 1};`));
    }
  }

  /** All or nothing. A nested call joins the outer transaction, whose durability counts. */
  transaction<T>(fn: () => T, { durable = true }: TransactionOptions = {}): T {
    if (this.depth > 0) return this.nested(fn);
    const mode = durable ? 'FULL' : 'NORMAL';
    if (mode !== this.synchronous) {
      this.sql.exec(`PRAGMA synchronous = ${mode}`);
      this.synchronous = mode;
    }
    this.sql.exec('BEGIN IMMEDIATE');
    let result: T;
    try {
      result = this.nested(fn);
      this.sql.exec('COMMIT');
    } catch (error) {
      this.afterCommit.length = 0;
      if (this.sql.isTransaction) this.sql.exec('ROLLBACK');
      throw error;
    }
    for (const run of this.afterCommit.splice(0)) run();
    return result;
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
    if (this.sql.isOpen) this.sql.close();
  }
}
