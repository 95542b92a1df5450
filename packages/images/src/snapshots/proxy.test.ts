import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@gantry/rpc';
import { Database } from '../store/database';
import { LeaseTable } from '../store/leases';
import { ProxySnapshotter, type SnapshotsClient } from './proxy';
import { SnapshotTable } from './records';

const scope = { namespace: 'n' };
let dir: string;
let db: Database;
let table: SnapshotTable;
let snapshotter: ProxySnapshotter;
/** Names at the foreign snapshotter. */
let there: Set<string>;
/** A call that has done its work there does not answer before this. */
let answer: Promise<void>;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'gi-proxy-'));
  db = new Database(join(dir, 'metadata.db'));
  there = new Set();
  answer = Promise.resolve();
  const add = async (_ctx: unknown, { key }: { key: string }) => {
    there.add(key);
    await answer;
    return { mounts: [] };
  };
  const client = {
    prepare: add,
    view: add,
    commit: async (_ctx: unknown, { key, name }: { key: string; name: string }) => {
      there.delete(key);
      there.add(name);
      await answer;
      return {};
    },
    remove: async (_ctx: unknown, { key }: { key: string }) => (there.delete(key), {}),
    usage: async () => ({ size: 0n, inodes: 0n }),
    list: async function* () {
      yield { info: [...there].map((name) => ({ name, kind: 2, parent: '' })) };
    },
  } as unknown as SnapshotsClient;
  table = new SnapshotTable(db, 'far');
  snapshotter = new ProxySnapshotter({
    table,
    leases: new LeaseTable(db),
    boot: 'boot',
    client,
    remote: 'overlayfs',
    prefix: 'us',
    logger: silentLogger,
  });
});
afterEach(() => {
  db.close();
  rmSync(dir, { recursive: true });
});

/** What a check would take for broken: names without record, records without name. */
const wrong = async (): Promise<string[]> => [
  ...(await snapshotter.strays()),
  ...(await snapshotter.missing(table.all())).map(({ name }) => name),
];

test.each(['prepare', 'view', 'commit', 'withParent'] as const)('a check in the middle of %s finds nothing wrong', async (verb) => {
  if (verb !== 'prepare') await snapshotter.prepare(scope, 'a', '', {});
  if (verb === 'view' || verb === 'withParent') await snapshotter.commit(scope, 'A', 'a', { labels: {} });
  const gate = Promise.withResolvers<void>();
  const before = there.size;
  const [prepared = ''] = there;
  answer = gate.promise;
  const calls = {
    prepare: () => snapshotter.prepare(scope, 'a', '', {}),
    view: () => snapshotter.view(scope, 'v', 'A', {}),
    commit: () => snapshotter.commit(scope, 'A', 'a', { labels: {} }),
    withParent: () => snapshotter.withParent(snapshotter.stat(scope, 'A'), wrong),
  };
  const call = calls[verb]();
  while (verb === 'commit' ? there.has(prepared) : there.size === before) await new Promise(setImmediate);
  expect(await wrong()).toEqual([]);
  gate.resolve();
  const result = await call;
  if (verb === 'withParent') expect(result).toEqual([]);
  await new Promise(setImmediate);
  expect(await wrong()).toEqual([]);
  there.add('us/left');
  expect(await wrong()).toEqual(['us/left']);
  there.clear();
  expect(await wrong()).toEqual(table.all().map(({ name }) => name));
});
