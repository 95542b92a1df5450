import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { storeError } from '@gantry/service';
import type { Exec, ExecStore } from './table';

/** Execs in a database below the run root: written without waiting for the disk, gone with the machine, as their processes are. */
export function openExecStore(file: string): ExecStore & { close(): void } {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const db = open(file);
  const put = db.prepare('INSERT INTO execs (id, exec) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET exec = excluded.exec');
  const drop = db.prepare('DELETE FROM execs WHERE id = ?');
  return {
    load: () => (db.prepare('SELECT exec FROM execs').all() as { exec: string }[]).map(({ exec }) => JSON.parse(exec) as Exec),
    save: (exec) => void put.run(exec.id, JSON.stringify(exec)),
    remove: (id) => void drop.run(id),
    close: () => db.close(),
  };
}

function open(file: string): DatabaseSync {
  try {
    const db = new DatabaseSync(file);
    db.exec(
      'PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; CREATE TABLE IF NOT EXISTS execs (id TEXT PRIMARY KEY, exec TEXT NOT NULL) STRICT, WITHOUT ROWID;',
    );
    return db;
  } catch (error) {
    throw storeError(error, file);
  }
}
