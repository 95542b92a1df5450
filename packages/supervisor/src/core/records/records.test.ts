import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Container } from '@gantry/api/containerd/services/containers/v1/containers';
import { Database, openRecords, type Records } from '.';

let folder: string;
let file: string;
let db: Database;
let records: Records;
const open = (): void => {
  db = new Database(file);
  records = openRecords(db);
};
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gantry-records-'));
  file = join(folder, 'state.db');
  open();
});
afterEach(() => {
  records.close();
  rmSync(folder, { recursive: true, force: true });
});

const plain = (id: string, change: Partial<Container> = {}): Container => Container.fromPartial({ id, image: 'busybox', ...change });

it('keeps records apart by namespace, in order, over a restart', () => {
  records.create('default', plain('b'));
  records.create('default', plain('a'));
  records.create('other', plain('a'));
  expect(() => records.create('default', plain('a'))).toThrow('container "a": already exists');
  records.close();
  open();
  expect(records.list('default').map(({ id }) => id)).toEqual(['b', 'a']);
  expect(records.get('other', 'a')?.createdAt).toBeDefined();
  records.delete('default', 'a');
  expect(records.get('default', 'a')).toBeUndefined();
  expect(records.get('other', 'a')).toBeDefined();
  expect(() => records.delete('default', 'a')).toThrow('not found');
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

it('keeps namespaces and refuses to drop one that is used', () => {
  records.namespaces.create('x', { a: '1' });
  expect(() => records.namespaces.create('x', {})).toThrow('already exists');
  records.namespaces.setLabels('x', { b: '2' });
  records.create('x', plain('c'));
  expect(() => records.namespaces.delete('x')).toThrow('must be empty');
  records.delete('x', 'c');
  records.namespaces.delete('x');
  expect(records.namespaces.list()).toEqual([]);
});

it('refuses a database of a newer version', () => {
  db.sql.exec('PRAGMA user_version = 99');
  records.close();
  expect(() => new Database(file)).toThrow('written by a newer gantry');
  db = new Database(':memory:');
  records = openRecords(db);
});
