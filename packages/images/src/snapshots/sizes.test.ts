import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SIZE_LABEL } from '@gantry/api';
import { silentLogger } from '@gantry/rpc';
import { Projects } from '../projects/projects';
import { CountedQuotas } from '../projects/testing/counted-quotas';
import { Database } from '../store/database';
import { LeaseTable } from '../store/leases';
import { LocalTrees } from './local-trees';
import { OverlaySnapshotter } from './overlay';
import { SnapshotTable } from './records';
import { Removals } from './removals';

let folder: string;
let db: Database;
let quotas: CountedQuotas;
const scope = { namespace: 'n' };

/** With so many bytes for those whose label leaves it to the configuration. */
const open = (size: number): OverlaySnapshotter => {
  const removeTree = (path: string): Promise<void> => Promise.resolve(rmSync(path, { recursive: true }));
  const removals = new Removals({ flush: () => db.flush(), removeTree, logger: silentLogger });
  return new OverlaySnapshotter({
    table: new SnapshotTable(db, 'overlayfs'),
    leases: new LeaseTable(db),
    boot: 'boot',
    trees: new LocalTrees({ root: join(folder, 'snapshots'), removals, removeTree }),
    large: undefined as never,
    projects: new Projects({ db, quotas, root: folder, logger: silentLogger }),
    size,
  });
};
const prepare = (snapshotter: OverlaySnapshotter, key: string, label?: string) =>
  snapshotter.prepare(scope, key, '', label === undefined ? {} : { [SIZE_LABEL]: label });
const projectsOf = (snapshotter: OverlaySnapshotter, key: string): number[] => {
  const { id } = snapshotter.stat(scope, key);
  return ['fs', 'work'].map((part) => quotas.projectOf(join(folder, 'snapshots', String(id), part)));
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sizes-'));
  db = new Database(join(folder, 'a.db'));
  quotas = new CountedQuotas();
});
afterEach(() => {
  db.close();
  rmSync(folder, { recursive: true, force: true });
});

test('a layer with a size is one project with what overlayfs works in, until it is removed', async () => {
  const snapshotter = open(0);
  await prepare(snapshotter, 'sized', '4096');
  for (const [key, label] of [
    ['default', ''],
    ['no', '0'],
    ['plain', undefined],
  ] as const)
    await prepare(snapshotter, key, label);
  const [upper = 0, work = 0] = projectsOf(snapshotter, 'sized');
  expect([upper > 0, work]).toEqual([true, upper]);
  for (const key of ['default', 'no', 'plain']) expect(projectsOf(snapshotter, key)).toEqual([0, 0]);
  expect([...quotas.limits]).toEqual([[upper, 4096]]);
  await snapshotter.remove(scope, 'sized');
  expect([...quotas.limits]).toEqual([]);
});

test('the configured size is for those that leave it open: containers, not layers that are unpacked', async () => {
  const snapshotter = open(1000);
  await prepare(snapshotter, 'default', '');
  await prepare(snapshotter, 'own', '7');
  await prepare(snapshotter, 'no', '0');
  await prepare(snapshotter, 'extract-1 x');
  expect([...quotas.limits.values()]).toEqual([1000, 7]);
});

test('without project quotas a size is refused in dockerd’s words and nothing is left', async () => {
  quotas.has = false;
  const snapshotter = open(0);
  await expect(prepare(snapshotter, 'a', '1')).rejects.toThrow(
    "--storage-opt is supported only for overlay over xfs with 'pquota' mount option",
  );
  await prepare(snapshotter, 'b', '');
  expect(snapshotter.find(scope, 'a')).toBeUndefined();
});

test('a snapshot that cannot be held to its size is none', async () => {
  const snapshotter = open(0);
  quotas.full = true;
  await expect(prepare(snapshotter, 'a', '1')).rejects.toThrow('no room for a limit');
  expect(snapshotter.find(scope, 'a')).toBeUndefined();
  await snapshotter.cleanup();
  expect(existsSync(join(folder, 'snapshots', '1'))).toBe(false);
});
