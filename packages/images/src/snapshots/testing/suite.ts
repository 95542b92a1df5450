import { execFileSync } from 'node:child_process';
import { chownSync, lstatSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kind } from '@gantry/api/containerd/services/snapshots/v1/snapshots';
import { newContext } from '@gantry/rpc';
import type { TestEngine } from '../../testing/engine';
import { throughIdMap } from './id-mapped';
import { recordCases } from './record-cases';
import { mounted, script, Subject, treeOf } from './tools';
import { treeCases } from './tree-cases';

export { mounted } from './tools';

/**
 * What every snapshotter does, whatever it is made of: all that containerd's own suite of snapshotters asks, and what this engine needs besides.
 * `name` gives the snapshotter of the engine. No case leaves a snapshot.
 *
 * Each of the 21 cases of containerd 2.1.9 (core/snapshots/testsuite, with its own spelling) has its counterpart:
 *
 * | there | here |
 * |---|---|
 * | Basic | written, committed, written on, committed and looked at |
 * | StatActive | an active snapshot is active, under its key, on nothing |
 * | StatComitted | a committed one is committed, under its name, and its key is gone, also while it is mounted |
 * | TransitivityTest | the parent of the parent is found by asking twice |
 * | PreareViewFailingtest | a key is one snapshot: neither prepare nor view takes it twice |
 * | Update | times are those of the making and of the last change; only labels can be changed |
 * | Remove | a removed key and a removed name can be used again, for any kind |
 * | Walk | a walk finds by kind, name, parent and label, and by one of several filters |
 * | LayerFileupdate | a file of a layer below is changed in its text alone, or in its mode alone, at any moment of a second |
 * | RemoveDirectoryInLowerLayer | a directory that was removed and made anew hides what it had |
 * | Chown | owners of directories and of what is in them change |
 * | DirectoryPermissionOnCommit | owners and modes of directories survive removal, making anew and the layer between |
 * | RemoveIntermediateSnapshot | what others lie on is not removed, from the top down everything is |
 * | DeletedFilesInChildSnapshot | what was removed stays so in the layers above |
 * | MoveFileFromLowerLayer | a file moves out of a layer below, and a link keeps one whose name goes |
 * | ViewReadonly | a view cannot be written to |
 * | StatInWalk | what a walk tells is what stat tells, also while it walks |
 * | CloseTwice | closing twice is closing once, and what was removed stays so |
 * | RootPermission | the root of an empty snapshot has the mode 0755 |
 * | Rename | directories and files are renamed, over others too |
 * | 128LayersMount | 128 layers are shown as one tree, and the growing one while it is written |
 */
export function snapshotterSuite(engineOf: () => TestEngine, name: string): void {
  const on = new Subject(engineOf, name);
  recordCases(on);
  treeCases(on);
  const ctx = on.context;
  const request = { snapshotter: name, labels: {} };
  const snapshots = (): TestEngine['snapshots'] => on.snapshots;
  const prepare = on.prepare.bind(on);
  const commit = on.commit.bind(on);
  const remove = (key: string) => on.remove(key);
  const layer = on.layer.bind(on);
  const view = on.view.bind(on);
  const names = (): Promise<string[]> => on.names();

  test('written, committed, written on, committed and looked at', async () => {
    const first = 'echo foo > foo; mkdir -p a/b/c';
    const second = 'echo bar > bar; echo bar > foo; rm -r a/b';
    const flat = mkdtempSync(join(tmpdir(), 'gi-flat-'));
    try {
      script(`chmod 755 .; ${first}`)(flat);
      await layer('base', '', script(first));
      await mounted(await prepare('next', 'base'), (root) => {
        expect(treeOf(root)).toEqual(treeOf(flat));
        for (const each of [root, flat]) script(second)(each);
      });
      expect(await on.stat('next')).toMatchObject({ parent: 'base', kind: Kind.ACTIVE });
      await commit('next', 'top');
      await expect(on.stat('next')).rejects.toMatchObject({ kind: 'notFound' });
      const told = [await on.stat('base'), await on.stat('top')];
      expect(told).toMatchObject([
        { name: 'base', parent: '', kind: Kind.COMMITTED },
        { name: 'top', parent: 'base', kind: Kind.COMMITTED },
      ]);
      expect((await on.list()).sort((a, b) => a.name.localeCompare(b.name))).toEqual(told);
      expect(await view('top', treeOf)).toEqual(treeOf(flat));
      await expect(remove('base')).rejects.toMatchObject({ kind: 'failedPrecondition', message: expect.stringContaining('remove') });
      await on.remove('top', 'base');
    } finally {
      rmSync(flat, { recursive: true });
    }
  });

  test('closing twice is closing once, and what was removed stays so', async () => {
    await layer('base', '');
    await remove('base');
    for (let at = 0; at < 2; at++) await snapshots().cleanup(ctx, { snapshotter: name });
    for (let at = 0; at < 2; at++) await engineOf().halt();
    await engineOf().restart();
    expect(await names()).toEqual([]);
  });

  test('what is written is committed, seen by children and views, and not changed by them', async () => {
    await layer('base', '', (root) => {
      execFileSync(
        'sh',
        [
          '-c',
          'mkdir -p d/sub old && echo base > d/file && echo gone > d/gone && echo x > old/x && ln d/file hard && ln -s d/file soft && mkfifo fifo && mknod null c 1 3 && chmod 1777 d && truncate -s 1M sparse',
        ],
        { cwd: root },
      );
      chownSync(join(root, 'd/file'), 4_000_000, 3_000_000);
    });
    await layer('top', 'base', (root) =>
      execFileSync('sh', ['-c', 'echo top > d/file && rm d/gone && rm -r old && mkdir old && echo new > old/y'], { cwd: root }),
    );
    await view('top', (root) => {
      expect(readFileSync(join(root, 'd/file'), 'utf8')).toBe('top\n');
      expect(execFileSync('ls', ['d', 'old'], { cwd: root }).toString()).toBe('d:\nfile\nsub\n\nold:\ny\n');
      expect(lstatSync(join(root, 'd/file')).uid).toBe(4_000_000);
      expect(lstatSync(join(root, 'd')).mode & 0o7777).toBe(0o1777);
      expect(lstatSync(join(root, 'null')).rdev).toBe(0x103);
      expect(lstatSync(join(root, 'sparse')).blocks).toBeLessThan(64);
      expect(() => writeFileSync(join(root, 'd/file'), 'no')).toThrow(/EROFS/);
    });
    await view('base', (root) => {
      expect(readFileSync(join(root, 'd/file'), 'utf8')).toBe('base\n');
      expect(lstatSync(join(root, 'd/file')).ino).toBe(lstatSync(join(root, 'hard')).ino);
      expect(execFileSync('ls', ['d', 'old'], { cwd: root }).toString()).toBe('d:\nfile\ngone\nsub\n\nold:\nx\n');
    });
    for (const key of ['top', 'base']) await remove(key);
    expect(await names()).toEqual([]);
  });

  test('mounts again, parents and usage', async () => {
    await layer('base', '', (root) => writeFileSync(join(root, 'f'), 'x'.repeat(100_000)));
    const first = await prepare('active', 'base');
    expect((await snapshots().mounts(ctx, { snapshotter: name, key: 'active' })).mounts).toEqual(first);
    await mounted(first, (root) => writeFileSync(join(root, 'own'), 'y'.repeat(50_000)));
    expect((await snapshots().stat(ctx, { snapshotter: name, key: 'active' })).info).toMatchObject({
      name: 'active',
      parent: 'base',
      kind: Kind.ACTIVE,
    });
    expect((await snapshots().stat(ctx, { snapshotter: name, key: 'base' })).info).toMatchObject({
      name: 'base',
      parent: '',
      kind: Kind.COMMITTED,
    });
    const usage = await snapshots().usage(ctx, { snapshotter: name, key: 'base' });
    expect([usage.size >= 100_000n, usage.size < 300_000n, usage.inodes]).toEqual([true, true, 2n]);
    expect((await snapshots().usage(ctx, { snapshotter: name, key: 'active' })).size).toBeGreaterThanOrEqual(50_000n);
    for (const key of ['active', 'base']) await remove(key);
  });

  test("errors have containerd's kinds", async () => {
    await layer('base', '', () => undefined);
    await prepare('active', 'base');
    await expect(prepare('active', 'base')).rejects.toMatchObject({ kind: 'alreadyExists' });
    await expect(prepare('x', 'nothing')).rejects.toMatchObject({ kind: 'notFound' });
    await expect(prepare('x', 'active')).rejects.toMatchObject({ kind: 'failedPrecondition' });
    await expect(prepare('')).rejects.toMatchObject({ kind: 'invalidArgument' });
    await expect(remove('base')).rejects.toMatchObject({ kind: 'failedPrecondition' });
    await expect(remove('nothing')).rejects.toMatchObject({ kind: 'notFound' });
    await expect(commit('active', 'base')).rejects.toMatchObject({ kind: 'alreadyExists' });
    await expect(commit('nothing', 'y')).rejects.toMatchObject({ kind: 'notFound' });
    await expect(snapshots().mounts(ctx, { snapshotter: name, key: 'base' })).rejects.toMatchObject({ kind: 'failedPrecondition' });
    await snapshots().view(ctx, { ...request, key: 'v', parent: 'base' });
    await expect(commit('v', 'y')).rejects.toMatchObject({ kind: 'failedPrecondition' });
    for (const key of ['v', 'active', 'base']) await remove(key);
  });

  test('keys of two namespaces do not meet', async () => {
    const other = newContext({ namespace: 'other' });
    await prepare('same');
    await snapshots().prepare(other, { ...request, key: 'same', parent: '' });
    await remove('same');
    expect((await snapshots().stat(other, { snapshotter: name, key: 'same' })).info?.name).toBe('same');
    await snapshots().remove(other, { snapshotter: name, key: 'same' });
  });

  test('twenty at once on one parent; removed ones leave nothing', async () => {
    await layer('base', '', (root) => writeFileSync(join(root, 'f'), 'x'));
    await Promise.all(Array.from({ length: 20 }, (_, at) => prepare(`c${at}`, 'base')));
    expect(await names()).toHaveLength(21);
    await Promise.all(Array.from({ length: 20 }, (_, at) => remove(`c${at}`)));
    await remove('base');
    await snapshots().cleanup(ctx, { snapshotter: name });
    expect(await names()).toEqual([]);
  });

  test('a restart keeps snapshots, and garbage collection takes those that a lease let go', async () => {
    await mounted(await prepare('base-key'), (root) => writeFileSync(join(root, 'f'), 'kept'));
    await commit('base-key', 'base', { 'containerd.io/gc.root': 'kept' });
    await engineOf().leases.create(ctx, { id: 'l', labels: {} });
    await snapshots().prepare(newContext({ lease: 'l' }), { ...request, key: 'leased', parent: 'base' });
    await engineOf().restart();
    expect(await names()).toEqual(['base', 'leased']);
    expect(await view('base', (root) => readFileSync(join(root, 'f'), 'utf8'))).toBe('kept');
    await engineOf().leases.delete(ctx, { id: 'l', sync: true });
    expect(await names()).toEqual(['base']);
    await remove('base');
    await snapshots().cleanup(ctx, { snapshotter: name });
  });

  test('seen through an id map: owners move, whiteouts still hide', async () => {
    await layer('base', '', (root) => {
      execFileSync('sh', ['-c', 'echo x > f && echo y > gone'], { cwd: root });
    });
    await layer('top', 'base', (root) => execFileSync('sh', ['-c', 'rm gone && echo z > z'], { cwd: root }));
    const { mounts } = await snapshots().view(ctx, { ...request, key: 'v', parent: 'top' });
    await throughIdMap(mounts, 100_000, (root) => {
      expect([lstatSync(root), lstatSync(join(root, 'f')), lstatSync(join(root, 'z'))].map(({ uid, gid }) => [uid, gid])).toEqual([
        [100_000, 100_000],
        [100_000, 100_000],
        [100_000, 100_000],
      ]);
      expect(execFileSync('ls', [root]).toString()).toBe('f\nz\n');
    });
    await remove('v');
    for (const key of ['top', 'base']) await remove(key);
  });
}
