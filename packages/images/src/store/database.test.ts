import { mkdtempSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Database } from './database';
import { schema } from './schema';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'gi-db-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const insert =
  "INSERT INTO snapshots (ns, name, parent, kind, labels, created, updated, leased, boot) VALUES ('n', ?, ?, 3, '{}', 1, 1, 0, 'b')";

test('snapshots of the first version belong to overlayfs, keep their parents, and their numbers are not given again', () => {
  const path = join(dir, 'old.db');
  const old = new DatabaseSync(path);
  old.exec(`${schema[0]}; PRAGMA user_version = 1`);
  old.prepare(insert).run('base', null);
  old.prepare(insert).run('top', 1);
  old.prepare(insert).run('removed', null);
  old.exec("DELETE FROM snapshots WHERE name = 'removed'");
  old.close();

  const db = new Database(path);
  expect(db.all('SELECT id, snapshotter, name, parent, backend FROM snapshots ORDER BY id')).toEqual([
    { id: 1, snapshotter: 'overlayfs', name: 'base', parent: null, backend: '' },
    { id: 2, snapshotter: 'overlayfs', name: 'top', parent: 1, backend: '' },
  ]);
  expect(() => db.run('DELETE FROM snapshots WHERE id = 1')).toThrow(/FOREIGN KEY/);
  expect(
    db.insert(
      "INSERT INTO snapshots (ns, snapshotter, name, kind, labels, created, updated, leased, boot) VALUES ('n', 'copy', 'base', 3, '{}', 1, 1, 0, 'b')",
    ),
  ).toBe(4);
  db.close();
});

test('a migration that fails leaves the store as it was', () => {
  const path = join(dir, 'old.db');
  const old = new DatabaseSync(path);
  old.exec(`${schema[0]}; PRAGMA user_version = 1; CREATE TABLE snapshots_2 (x)`);
  old.prepare(insert).run('base', null);
  old.close();
  expect(() => new Database(path)).toThrow(/already exists/);
  const again = new DatabaseSync(path);
  expect({ ...again.prepare('SELECT name FROM snapshots').get() }).toEqual({ name: 'base' });
  expect({ ...again.prepare('PRAGMA user_version').get() }).toEqual({ user_version: 1 });
  again.close();
});
