import { chmodSync, lstatSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { geteuid } from 'node:process';
import { DatabaseSync } from 'node:sqlite';
import { failedPrecondition } from '@gantry/rpc/errors';
import { holdRoom } from '../store-room';
import { damaged, foreign, storeError, UNUSABLE } from './store-error';
import { StoreGuard } from './store-guard';

export interface StoreOptions {
  /** Absolute path; its folder is made. `:memory:` for tests. */
  readonly path: string;
  /** Each entry brings the schema one version up, in one transaction with the version's number; never edited once released. */
  readonly migrations: readonly string[];
  /** Bytes held beside those that every store holds (holdRoom): what its tables, as they are, may still grow by. */
  readonly room?: (db: DatabaseSync) => number;
  /** Milliseconds that another process's lock is waited for. */
  readonly patience?: number;
}

/**
 * A service's durable database (0600): SQLite in WAL mode, synchronous=FULL, foreign keys on, with room held for a full disk. Throws an error that names the
 * path when the file is damaged, foreign, locked, of a newer version, or gone although it was there; then nothing was changed. To be closed with `closeStore`.
 */
export function openStore({ path, migrations, room = () => 0, patience = 2000 }: StoreOptions): DatabaseSync {
  const durable = path !== ':memory:';
  const guard = durable ? new StoreGuard(path) : undefined;
  if (durable) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    checkFile(path);
  }
  guard?.check();
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(path);
    if (durable && (statSync(path).mode & 0o777) !== 0o600) chmodSync(path, 0o600);
    db.exec(`PRAGMA busy_timeout = ${patience}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;`);
    checkPages(db, path);
    migrate(db, { path, migrations });
    if (durable) holdRoom(db, room(db));
    guard?.opened();
    return db;
  } catch (error) {
    db?.close();
    throw storeError(error, path);
  }
}

/** Closes what openStore opened; the next start knows that nothing is in the log only. */
export function closeStore(db: DatabaseSync): void {
  if (!db.isOpen) return;
  const path = db.location();
  try {
    // Not TRUNCATE: killed here, the log must not look shorter than the guard remembers.
    const { busy } = db.prepare('PRAGMA wal_checkpoint(FULL)').get() as { busy: number };
    if (path !== null && busy === 0) new StoreGuard(path).closing();
  } finally {
    db.close();
  }
}

function checkFile(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isFile()) throw foreign(path, 'is not a regular file');
  const self = geteuid?.() ?? 0;
  if (found.uid !== self) throw foreign(path, `belongs to user ${found.uid}, not to user ${self} that runs this service`);
}

/** Reads every page that is in use: damage is told now, not in the middle of an operation. */
function checkPages(db: DatabaseSync, path: string): void {
  const answer = Object.values(db.prepare('PRAGMA quick_check(1)').get() ?? {})[0];
  if (answer !== 'ok') throw damaged(path, String(answer).replaceAll('\n', ' '));
}

function migrate(db: DatabaseSync, { path, migrations }: Pick<StoreOptions, 'path' | 'migrations'>): void {
  const present = (): number => (db.prepare('PRAGMA user_version').get() as { user_version: number }).user_version;
  if (present() === migrations.length) return;
  db.exec('BEGIN IMMEDIATE');
  try {
    const version = present();
    if (version > migrations.length)
      throw failedPrecondition(
        `database ${path} has schema ${version}, this version knows ${migrations.length}: it was written by a newer gantry`,
        { meta: UNUSABLE },
      );
    migrations.slice(version).forEach((sql, at) => db.exec(`${sql}; PRAGMA user_version = ${version + at + 1};`));
    db.exec('COMMIT');
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}
