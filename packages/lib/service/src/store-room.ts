import type { DatabaseSync } from 'node:sqlite';

/** Bytes held ready in the database and in its log; some thousand small transactions between two checkpoints fit. */
const ROOM = 2 * 1024 * 1024;
const PAGE = 4096;
/** The part of the room that is enough: pages are not filled to their ends. */
const ENOUGH = 0.9;

/**
 * Makes a store in WAL mode allocate room that it then reuses, so that it still takes small changes when the disk is full: what is on a
 * full disk can only be removed by an engine that can note it. `more` bytes are for what its tables will grow by. Call once after opening. A
 * disk without room for it is no error.
 */
export function holdRoom(db: DatabaseSync, more = 0): void {
  // The log is begun anew before it outgrows what is allocated.
  db.exec(`PRAGMA wal_autocheckpoint = ${ROOM / PAGE / 2}`);
  try {
    take(db, ROOM);
    const { freelist_count: free } = db.prepare('PRAGMA freelist_count').get() as { freelist_count: number };
    if (free * PAGE < (ROOM + more) * ENOUGH) take(db, ROOM + more);
  } catch {
    if (db.isTransaction) db.exec('ROLLBACK');
  }
}

function take(db: DatabaseSync, bytes: number): void {
  db.exec(`BEGIN; CREATE TABLE room (bytes BLOB) STRICT; INSERT INTO room VALUES (zeroblob(${bytes})); COMMIT;`);
  db.exec('DROP TABLE room; PRAGMA wal_checkpoint(RESTART);');
}
