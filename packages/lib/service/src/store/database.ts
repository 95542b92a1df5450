import { promises as fs } from 'node:fs';
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { closeStore, openStore, type StoreOptions } from './open-store';
import { storeError } from './store-error';

export type Row = Record<string, SQLInputValue>;

/**
 * A service's one metadata store. A transaction is synchronous and short: nothing is awaited inside, so no lock is ever held over
 * I/O. synchronous=FULL unless told otherwise: what a call acknowledged survives a power cut.
 */
export class StoreDatabase {
  private readonly db: DatabaseSync;
  private readonly statements = new Map<string, StatementSync>();
  private depth = 0;
  private synchronous: 'FULL' | 'NORMAL' = 'FULL';
  private readonly path: string;
  private unflushed = false;

  constructor(options: StoreOptions) {
    this.path = options.path;
    this.db = openStore(options);
  }

  /** Whether a power cut could take back something that was committed. */
  get behind(): boolean {
    return this.unflushed;
  }

  /** Runs fn in a transaction (joined when one is open); a throw rolls back. Not durable: on the disk with the next durable one, or `flush`. */
  transaction<T>(fn: () => T, { durable = true }: { readonly durable?: boolean } = {}): T {
    if (this.depth > 0) return fn();
    this.told(() => {
      this.setSynchronous(durable ? 'FULL' : 'NORMAL');
      this.db.exec('BEGIN IMMEDIATE');
    });
    this.depth++;
    try {
      const result = fn();
      this.db.exec('COMMIT');
      this.unflushed = !durable;
      return result;
    } catch (error) {
      if (this.db.isTransaction) this.db.exec('ROLLBACK'); // a full disk has rolled it back already
      throw storeError(error, this.path);
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
    return this.told(() => {
      if (this.depth === 0) this.setSynchronous('FULL');
      return Number(this.statement(sql).run(...values).changes);
    });
  }

  /** Row id of the row inserted. */
  insert(sql: string, ...values: SQLInputValue[]): number {
    return this.told(() => {
      if (this.depth === 0) this.setSynchronous('FULL');
      return Number(this.statement(sql).run(...values).lastInsertRowid);
    });
  }

  get<T>(sql: string, ...values: SQLInputValue[]): T | undefined {
    return this.told(() => this.statement(sql).get(...values) as T | undefined);
  }

  all<T>(sql: string, ...values: SQLInputValue[]): T[] {
    return this.told(() => this.statement(sql).all(...values) as T[]);
  }

  close(): void {
    this.statements.clear();
    closeStore(this.db);
  }

  /** What SQLite throws, with the path of the file. */
  private told<T>(fn: () => T): T {
    try {
      return fn();
    } catch (error) {
      throw storeError(error, this.path);
    }
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
