import { execFileSync } from 'node:child_process';
import {
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  closeSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { closeStore, openStore } from './open-store';
import { storeError } from './store-error';

const migrations = ['CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT) STRICT; CREATE INDEX t_v ON t (v);'];
let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gantry-store-'));
  path = join(folder, 'state/a.db');
});
afterEach(() => rmSync(folder, { recursive: true }));

const open = (): DatabaseSync => openStore({ path, migrations });
const rows = (db: DatabaseSync): number => (db.prepare('SELECT count(*) AS n FROM t').get() as { n: number }).n;

function fill(db: DatabaseSync, count = 500): void {
  const insert = db.prepare('INSERT INTO t (v) VALUES (?)');
  for (let i = 0; i < count; i++) insert.run(`${i}`.padEnd(200, 'x'));
}

/** A store with 500 rows, closed in good order. */
function made(): void {
  const db = open();
  fill(db);
  closeStore(db);
}

/** The files as kill -9 leaves them: what was written last is in the log only. */
function killed(): void {
  const db = open();
  fill(db);
  const away = join(folder, 'away');
  mkdirSync(away);
  for (const name of ['a.db', 'a.db-wal', 'a.db.guard']) copyFileSync(join(folder, 'state', name), join(away, name));
  db.close();
  rmSync(join(folder, 'state'), { recursive: true });
  execFileSync('mv', [away, join(folder, 'state')]);
}

function overwrite(at: number): void {
  const file = openSync(path, 'r+');
  writeSync(file, Buffer.alloc(2000, 0xa5), 0, 2000, at);
  closeSync(file);
}

it('keeps what was written, closed in good order or killed', () => {
  made();
  const db = open();
  expect([rows(db), statSync(path).mode & 0o777]).toEqual([500, 0o600]);
  closeStore(db);
  rmSync(join(folder, 'state'), { recursive: true });
  killed();
  const again = open();
  expect(rows(again)).toBe(500);
  closeStore(again);
});

const damages: Record<string, () => void> = {
  'a file of something else': () => writeFileSync(path, 'not a database, but long enough to be read as its header. '.repeat(100)),
  'a page overwritten': () => overwrite(4096 * 3),
  'a header overwritten': () => overwrite(0),
  'a file cut in half': () => truncateSync(path, 4096 * 8),
};

describe('attack 55: a damaged database', () => {
  it.each(Object.keys(damages))('%s: is refused by name and left as it is', (kind) => {
    made();
    damages[kind]?.();
    const before = readFileSync(path);
    for (let attempt = 0; attempt < 2; attempt++) {
      expect(open).toThrow(
        expect.objectContaining({
          kind: 'dataLoss',
          meta: { unusable: true },
          message: expect.stringMatching(`database ${path} is damaged .*move ${join(folder, 'state')} away`) as string,
        }),
      );
    }
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  it('cut to nothing, or gone: no empty one takes its place', () => {
    made();
    truncateSync(path, 0);
    expect(open).toThrow(
      expect.objectContaining({
        kind: 'dataLoss',
        message: expect.stringContaining(`${path} is gone or cut short, and it was in use`) as string,
      }),
    );
    rmSync(path);
    expect(open).toThrow(`remove ${path}.guard to go on without`);
    expect(existsSync(path)).toBe(false);
    rmSync(`${path}.guard`);
    const db = open();
    expect(rows(db)).toBe(0);
    closeStore(db);
  });

  it('a log that is gone or cut short is told, too: it held the last changes', () => {
    killed();
    const log = readFileSync(`${path}-wal`);
    truncateSync(`${path}-wal`, 100_000);
    expect(open).toThrow(`${path}-wal is gone or cut short`);
    rmSync(`${path}-wal`);
    expect(open).toThrow(`${path}-wal is gone or cut short`);
    writeFileSync(`${path}-wal`, log);
    const db = open();
    expect(rows(db)).toBe(500);
    closeStore(db);
  });

  it('damage met later names the file', () => {
    made();
    const db = new DatabaseSync(path);
    overwrite(4096 * 3);
    let thrown: unknown;
    try {
      db.exec('SELECT count(*) FROM t WHERE v > 0 ORDER BY v');
      db.exec('REINDEX');
    } catch (error) {
      thrown = storeError(error, path);
    }
    expect(thrown).toMatchObject({
      kind: 'dataLoss',
      message: expect.stringContaining(`database ${path} is damaged (database disk image is malformed)`) as string,
    });
    db.close();
  });
});

describe('attack 55: a database that cannot be used', () => {
  it('of another user, or no file', () => {
    made();
    chownSync(path, 65534, 65534);
    expect(open).toThrow(`${path} belongs to user 65534, not to user 0`);
    rmSync(path);
    symlinkSync('/dev/null', path);
    expect(open).toThrow(`${path} is not a regular file`);
  });

  it('on a read-only file system: the kernel is quoted, and afterwards all is there', () => {
    made();
    const state = join(folder, 'state');
    execFileSync('mount', ['--bind', state, state]);
    try {
      execFileSync('mount', ['-o', 'remount,ro,bind', state]);
      expect(open).toThrow(
        expect.objectContaining({ kind: 'internal', message: expect.stringMatching(`${state}.*EROFS|EROFS.*${state}`) as string }),
      );
    } finally {
      execFileSync('umount', [state]);
    }
    const db = open();
    expect(rows(db)).toBe(500);
    closeStore(db);
  });

  it('of a newer version', () => {
    made();
    const db = new DatabaseSync(path);
    db.exec('PRAGMA user_version = 7');
    db.close();
    expect(open).toThrow(`database ${path} has schema 7, this version knows 1: it was written by a newer gantry`);
  });

  it('locked by another process', () => {
    made();
    const other = new DatabaseSync(path);
    other.exec('BEGIN IMMEDIATE');
    expect(() => openStore({ path, migrations: [...migrations, 'CREATE TABLE u (x)'], patience: 10 })).toThrow(
      `database ${path} is locked by another process`,
    );
    other.close();
  });
});
