import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Database } from './database';
import { ImageTable } from './images';

let folder: string;
let db: Database;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'images-'));
  db = new Database(join(folder, 'a.db'));
});
afterEach(() => {
  db.close();
  rmSync(folder, { recursive: true });
});

test('a name that is told what it says already does not wait for the disk, and is newer all the same', () => {
  const waits: boolean[] = [];
  const watched = Object.create(db, {
    transaction: {
      value: <T>(fn: () => T, options: { durable?: boolean } = {}): T => {
        waits.push(options.durable ?? true);
        return db.transaction(fn, options);
      },
    },
  }) as Database;
  const images = new ImageTable(watched);
  const scope = { namespace: 'n' };
  const target = (digit: string) => ({ mediaType: 'm', digest: `sha256:${digit.repeat(64)}`, size: 2, annotations: { a: 'b' } });
  images.create(scope, 'x', target('1'), { l: 'v' });
  const first = images.get(scope, 'x');
  waits.length = 0;
  const same = images.update(scope, { name: 'x', labels: { l: 'v' }, target: target('1') }, []);
  expect(same.updated).toBeGreaterThan(first.updated);
  expect(images.get(scope, 'x')).toEqual(same);
  images.update(scope, { name: 'x', labels: { l: 'v' }, target: target('1') }, ['labels.l']);
  expect(waits).toEqual([false, false]);
  images.update(scope, { name: 'x', labels: { l: 'w' }, target: target('1') }, ['labels.l']);
  images.update(scope, { name: 'x', labels: { l: 'w' }, target: target('2') }, []);
  images.update(scope, { name: 'x', labels: {}, target: { ...target('2'), annotations: {} } }, ['annotations']);
  expect(waits).toEqual([false, false, true, true, true]);
});
