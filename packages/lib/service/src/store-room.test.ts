import { mkdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { holdRoom } from './store-room';

const folder = join(tmpdir(), `gantry-room-${process.pid}`);
beforeAll(() => mkdirSync(folder));
afterAll(() => rmSync(folder, { recursive: true }));

function open(): DatabaseSync {
  const db = new DatabaseSync(join(folder, 'a.db'));
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; CREATE TABLE IF NOT EXISTS t (k INTEGER PRIMARY KEY, v TEXT)');
  holdRoom(db);
  return db;
}

it('takes changes into room that it already has', () => {
  const db = open();
  const sizes = (): number[] => ['a.db', 'a.db-wal'].map((name) => statSync(join(folder, name)).size);
  const before = sizes();
  const insert = db.prepare('INSERT OR REPLACE INTO t VALUES (?, ?)');
  for (let i = 0; i < 2000; i++) insert.run(i % 100, 'x'.repeat(1000));
  expect(sizes()).toEqual(before);
  expect(before[1]).toBeGreaterThan(2 * 1024 * 1024);
  db.close();
});

it('does not grow when it is opened again', () => {
  open().close();
  const { size } = statSync(join(folder, 'a.db'));
  open().close();
  expect(statSync(join(folder, 'a.db')).size).toBe(size);
});

it('holds more for what grows, and takes it once', () => {
  const size = (): number => statSync(join(folder, 'a.db')).size;
  const more = 3 * 1024 * 1024;
  const db = open();
  holdRoom(db, more);
  const held = size();
  expect(held).toBeGreaterThan(more);
  holdRoom(db, more);
  expect(size()).toBe(held);
  db.close();
});
