import { WatchedDatabase } from '../testing/watched-database';
import { ImageTable } from './images';

let db: WatchedDatabase;
beforeEach(() => {
  db = new WatchedDatabase(':memory:');
});
afterEach(() => db.close());

test('a name that is told what it says already does not wait for the disk, and is newer all the same', () => {
  const images = new ImageTable(db);
  const scope = { namespace: 'n' };
  const target = (digit: string) => ({ mediaType: 'm', digest: `sha256:${digit.repeat(64)}`, size: 2, annotations: { a: 'b' } });
  images.create(scope, 'x', target('1'), { l: 'v' });
  const first = images.get(scope, 'x');
  db.waited();
  const same = images.update(scope, { name: 'x', labels: { l: 'v' }, target: target('1') }, []);
  expect(same.updated).toBeGreaterThan(first.updated);
  expect(images.get(scope, 'x')).toEqual(same);
  images.update(scope, { name: 'x', labels: { l: 'v' }, target: target('1') }, ['labels.l']);
  expect(db.waited()).toEqual([false, false]);
  images.update(scope, { name: 'x', labels: { l: 'w' }, target: target('1') }, ['labels.l']);
  images.update(scope, { name: 'x', labels: { l: 'w' }, target: target('2') }, []);
  images.update(scope, { name: 'x', labels: {}, target: { ...target('2'), annotations: {} } }, ['annotations']);
  expect(db.waited()).toEqual([true, true, true]);
});
