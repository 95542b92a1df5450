import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256 } from '@gantry/oci';
import { silentLogger } from '@gantry/rpc';
import { ContentPaths } from '../content/paths';
import { ContentStore } from '../content/store';
import { LocalTrees } from '../snapshots/local-trees';
import { OverlaySnapshotter } from '../snapshots/overlay';
import { SnapshotTable } from '../snapshots/records';
import { Removals } from '../snapshots/removals';
import { WatchedDatabase } from '../testing/watched-database';
import { LeaseTable } from './leases';

// Which of the store's writes wait for the disk.

let folder: string;
let db: WatchedDatabase;
let leases: LeaseTable;
let content: ContentStore;
const scope = { namespace: 'n' };

const told = async (use: () => unknown): Promise<boolean[]> => {
  db.waited();
  await use();
  return db.waited();
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'waits-'));
  db = new WatchedDatabase(join(folder, 'a.db'));
  leases = new LeaseTable(db);
  content = new ContentStore(db, leases, new ContentPaths(join(folder, 'content')), 'boot', silentLogger);
});
afterEach(async () => {
  await content.end(); // nothing is flushed behind the end
  db.close();
  rmSync(folder, { recursive: true });
});

test('a label that is found out again waits for nothing; one that is told waits, unless it is on the disk', async () => {
  const bytes = Buffer.from('blob');
  const digest = sha256(bytes);
  await content.put(scope, bytes, digest);
  const set = (value: string) => () => content.update(scope, digest, { a: value }, ['labels.a']);
  expect(await told(() => content.note(scope, digest, { a: '1' }))).toEqual([false]);
  expect(await told(set('1'))).toEqual([true]); // what was noted may be in memory alone
  expect(await told(set('1'))).toEqual([false]);
  expect(await told(set('2'))).toEqual([true]);
  expect(await told(() => content.update(scope, digest, { a: '2' }, []))).toEqual([true]);
  expect(content.info(scope, digest).labels).toEqual({ a: '2' });
});

test('a snapshot that a layer is unpacked into is waited for when it is committed, any other one when it is made', async () => {
  const removeTree = (path: string): Promise<void> => Promise.resolve(rmSync(path, { recursive: true }));
  const removals = new Removals({ flush: () => db.flush(), removeTree, logger: silentLogger });
  const snapshotter = new OverlaySnapshotter({
    table: new SnapshotTable(db, 'overlayfs'),
    leases,
    boot: 'boot',
    trees: new LocalTrees({ root: join(folder, 'snapshots'), removals, removeTree }),
    large: { measure: () => Promise.reject(new Error('nothing is large')) } as never,
    projects: undefined as never,
    size: 0,
  });
  expect(await told(() => snapshotter.prepare(scope, 'extract-1 sha256:1', '', {}))).toEqual([false]);
  expect(await told(() => snapshotter.commit(scope, 'sha256:1', 'extract-1 sha256:1', { labels: {} }))).toEqual([true]);
  expect(await told(() => snapshotter.prepare(scope, 'container', 'sha256:1', {}))).toEqual([true]);
});
