import { mkdirSync, promises as fs } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { holdRoom } from '@gantry/service';
import { schema } from './schema';

export type Row = Record<string, SQLInputValue>;

/**
 * The one metadata store of the service. A transaction is synchronous and short: nothing is awaited inside, so no lock is ever held over
 * I/O of blobs or trees. synchronous=FULL: what a call acknowledged survives a power cut.
 */
export class Database {
  private readonly db: DatabaseSync;
  private readonly statements = new Map<string, StatementSync>();
  private depth = 0;
  private synchronous: 'FULL' | 'NORMAL' = 'FULL';

  constructor(private readonly path: string) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    this.db = new DatabaseSync(path);
    this.db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000;');
    this.transaction(() => {
      const row = this.db.prepare('PRAGMA user_version').get() as { user_version: number };
      for (let version = row.user_version; version < schema.length; version++) {
        this.db.exec(schema[version] ?? '');
        this.db.exec(`PRAGMA user_version = ${version + 1}`);
      }
    });
    holdRoom(this.db);
  }

  /** Runs fn in a transaction (joined when one is open); a throw rolls back. Not durable: on the disk with the next durable one, or `flush`. */
  transaction<T>(fn: () => T, { durable = true }: { readonly durable?: boolean } = {}): T {
    if (this.depth > 0) return fn();
    this.setSynchronous(durable ? 'FULL' : 'NORMAL');
    this.db.exec('BEGIN IMMEDIATE');
    this.depth++;
    try {
      const result = fn();
      this.db.exec('COMMIT');
      return result;
    } catch (error) {
      if (this.db.isTransaction) this.db.exec('ROLLBACK'); // a full disk has rolled it back already
      throw error;
    } finally {
      this.depth--;
    }
  }

  /** Puts everything that was committed on the disk, off the event loop. */
  async flush(): Promise<void> {
    // SQLite holds its locks on the other two files: opening and closing this one does not disturb them.
    const log = await fs.open(`${this.path}-wal`, 'r');
    await log.datasync().finally(() => log.close());
  }

  /** Number of rows changed. */
  run(sql: string, ...values: SQLInputValue[]): number {
    if (this.depth === 0) this.setSynchronous('FULL');
    return Number(this.statement(sql).run(...values).changes);
  }

  /** Row id of the row inserted. */
  insert(sql: string, ...values: SQLInputValue[]): number {
    if (this.depth === 0) this.setSynchronous('FULL');
    return Number(this.statement(sql).run(...values).lastInsertRowid);
  }

  get<T>(sql: string, ...values: SQLInputValue[]): T | undefined {
    return this.statement(sql).get(...values) as T | undefined;
  }

  all<T>(sql: string, ...values: SQLInputValue[]): T[] {
    return this.statement(sql).all(...values) as T[];
  }

  close(): void {
    this.statements.clear();
    this.db.close();
  }

  private setSynchronous(mode: 'FULL' | 'NORMAL'): void {
    if (mode === this.synchronous) return;
    this.db.exec(`PRAGMA synchronous = ${mode}`);
    this.synchronous = mode;
  }

  private statement(sql: string): StatementSync {
    let found = this.statements.get(sql);
    if (found === undefined) {
      found = this.db.prepare(sql);
      this.statements.set(sql, found);
    }
    return found;
  }
}
