import { lstatSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { WriteAction, type WriteContentRequest } from '@gantry/api/containerd/services/content/v1/content';
import { withMounts } from '@gantry/linux';
import { TreeRequest } from '@gantry/native';
import { type CallContext, derive } from '@gantry/rpc';
import { type Content, uploadRef } from '../worker/content';
import { WORK_LEASE } from '../worker/work-lease';
import { walk } from '../exporters/local/walk';
import type { Ref, UsageRecord } from './ref';
import { LEASE } from './snapshots';
import { holders, startHolder, type TreeHolder } from './testing/store-of-trees';

const about = { description: 'test' };

/** Some of a blob, and no more. */
async function beginUpload(content: Content, ctx: CallContext): Promise<void> {
  async function* requests(): AsyncGenerator<WriteContentRequest> {
    await Promise.resolve();
    const data = Buffer.from('half');
    yield { action: WriteAction.WRITE, ref: uploadRef(), total: 0n, expected: '', offset: 0n, data, labels: {} };
  }
  for await (const { offset } of content.write(ctx, requests())) expect(offset).toBe(4n);
}

describe.each(holders)('trees on $name', (which) => {
  let holder: TreeHolder;
  let held: Ref[] = [];
  beforeAll(async () => {
    holder = await startHolder(which);
  });
  afterEach(async () => {
    for (const ref of held.splice(0)) ref.release();
    await holder.refs.prune(holder.ctx, [{ filters: [], all: true }], () => undefined);
  });
  afterAll(() => holder?.stop());

  /** A tree on another: files to write (null: to remove). */
  async function tree(parent: Ref | undefined, files: Readonly<Record<string, string | null>>, passing = false): Promise<Ref> {
    const working = await holder.refs.prepare(holder.ctx, parent, about);
    const plan = new TreeRequest('P')
      .number(1)
      .mounts(working.mounts)
      .number(Object.keys(files).length * 2);
    const letter = (name: string): TreeRequest => plan.number(name.charCodeAt(0)).number(0);
    for (const [path, text] of Object.entries(files)) {
      letter('d')
        .text(path.replace(/\/?[^/]*$/, ''))
        .number(0o755)
        .number(1)
        .number(-1)
        .number(-1)
        .number(-1);
      if (text === null) letter('r').text(path).number(0).number(0);
      else letter('f').text(path).number(0o644).text(text).number(-1).number(-1).number(-1);
    }
    await holder.program.run(plan, holder.ctx.signal);
    return hold(await working.commit(holder.ctx, { passing }));
  }

  const hold = <T extends Ref | undefined>(ref: T): T => {
    if (ref !== undefined) held.push(ref);
    return ref;
  };

  /** Paths of files with their contents; folders end with a slash. */
  const show = (ref: Ref | undefined): Promise<Record<string, string>> =>
    holder.refs.withTree(holder.ctx, ref, (root) => {
      const found: Record<string, string> = {};
      const walk = (path: string): void => {
        const at = join(root, path);
        const stat = path === '' ? statSync(at) : lstatSync(at);
        if (path !== '') found[path + (stat.isDirectory() ? '/' : '')] = stat.isFile() ? readFileSync(at, 'utf8') : '';
        if (stat.isDirectory()) for (const name of readdirSync(at)) walk(join(path, name));
      };
      walk('');
      return Promise.resolve(found);
    });

  const usage = (): Promise<readonly UsageRecord[]> => holder.refs.usage(holder.ctx, []);

  test('a merge shows later trees over earlier ones, deletions too, and has their layers', async () => {
    const base = await tree(undefined, { '/a/1': 'one', '/a/2': 'two', '/gone': 'x' });
    const over = await tree(await tree(undefined, { '/a/2': 'over', '/b/3': 'three' }), { '/b/4': 'four', '/b/3': null });
    const merged = hold(await holder.refs.merge(holder.ctx, [base, undefined, over], about));
    expect(await show(merged)).toEqual({ 'a/': '', 'a/1': 'one', 'a/2': 'over', 'b/': '', 'b/4': 'four', gone: 'x' });
    const less = await tree(base, { '/gone': null, '/a/1': null, '/a/1/now/dir': 'd' });
    const taken = hold(await holder.refs.diff(holder.ctx, base, less, about));
    expect(await show(taken)).toEqual({ 'a/': '', 'a/1/': '', 'a/1/now/': '', 'a/1/now/dir': 'd' });
    const applied = hold(await holder.refs.merge(holder.ctx, [merged, taken], about));
    expect(await show(applied)).toEqual({
      'a/': '',
      'a/1/': '',
      'a/1/now/': '',
      'a/1/now/dir': 'd',
      'a/2': 'over',
      'b/': '',
      'b/4': 'four',
    });
    expect(holder.refs.layers(applied).map(({ id }) => id)).toEqual(
      [base, over, less].flatMap((each) => holder.refs.layers(each).map(({ id }) => id)).filter((id, at, all) => all.indexOf(id) === at),
    );
    const how = { compression: 'gzip', force: false, oci: true } as const;
    const blobs = await holder.refs.blobs(holder.ctx, applied, how);
    const own = await holder.refs.blobs(holder.ctx, over, how);
    expect(blobs.slice(1, 3)).toEqual(own);
    expect(holder.refs.layers(over).map(({ blob, diffId }) => ({ blob, diffId }))).toEqual(own);
  });

  test('what is as it was is no difference, and of a folder that was made anew others keep what they put there', async () => {
    const base = await tree(undefined, { '/etc/a': 'a', '/d/old': 'o', '/d/kept': 'k', '/e/1': '1' });
    const next = await tree(base, { '/etc/stub': 's', '/etc//stub': null, '/d': null, '/d/new': 'n', '/e/1': null });
    const taken = hold(await holder.refs.diff(holder.ctx, base, next, about));
    expect(await show(taken)).toEqual({ 'd/': '', 'd/new': 'n', 'e/': '' });
    const other = await tree(undefined, { '/d/old': 'of other', '/d/mine': 'm', '/e/2': '2' });
    const applied = hold(await holder.refs.merge(holder.ctx, [other, taken], about));
    expect(await show(applied)).toEqual({ 'd/': '', 'd/mine': 'm', 'd/new': 'n', 'e/': '', 'e/2': '2' });
  });

  test('what is taken out of a folder that is not there leaves the folder', async () => {
    const base = await tree(undefined, { '/keep': 'k' });
    const more = await tree(base, { '/x/1': '1' });
    const taken = hold(await holder.refs.diff(holder.ctx, more, await tree(more, { '/x/1': null }), about));
    const applied = hold(await holder.refs.merge(holder.ctx, [base, taken], about));
    expect(await show(applied)).toEqual({ keep: 'k', 'x/': '' });
    expect(await show(taken)).toEqual({ 'x/': '' });
  });

  test('a mark that hides nothing is no file', async () => {
    const base = await tree(undefined, { '/keep': 'k' });
    const more = await tree(base, { '/x/1': '1' });
    const taken = hold(await holder.refs.diff(holder.ctx, more, await tree(more, { '/x/1': null }), about));
    const [, layer] = await holder.refs.blobs(holder.ctx, hold(await holder.refs.merge(holder.ctx, [base, taken], about)), {
      compression: 'gzip',
      force: false,
      oci: true,
    });
    const [below] = await holder.refs.blobs(holder.ctx, base, { compression: 'gzip', force: false, oci: true });
    const layers = [below, layer].flatMap((each) => (each === undefined ? [] : [{ ...each, fetch: () => Promise.resolve() }]));
    const image = hold(await holder.refs.ofLayers(holder.ctx, layers, about));
    const seen = await holder.refs.withTree(holder.ctx, image, async (root) => {
      const paths: string[] = [];
      for await (const { stat } of walk(root, { time: undefined })) paths.push(stat.path);
      return paths;
    });
    expect(seen).toEqual(['keep', 'x']);
    const options = { followLinks: false, wildcard: false, include: [], exclude: [] };
    expect(await holder.refs.checksum(holder.ctx, image, '/x', options)).toBe(await holder.refs.checksum(holder.ctx, taken, '/x', options));
  });

  test('what remains of a tree without all that it had is an empty layer over it', async () => {
    const base = await tree(undefined, { '/a': 'a' });
    const applied = hold(
      await holder.refs.merge(holder.ctx, [base, hold(await holder.refs.diff(holder.ctx, base, undefined, about))], about),
    );
    expect(await show(applied)).toEqual({});
    expect(await holder.refs.blobs(holder.ctx, applied, { compression: 'gzip', force: false, oci: true })).toHaveLength(2);
  });

  test('a difference of trees that share nothing is found by comparing', async () => {
    const one = await tree(undefined, { '/same': 's', '/d/old': 'o', '/changed': '1' });
    const two = await tree(undefined, { '/same': 's', '/d/new': 'n', '/changed': '22' });
    const taken = hold(await holder.refs.diff(holder.ctx, one, two, about));
    const third = await tree(undefined, { '/d/old': 'of third', '/changed': 'c', '/mine': 'm' });
    const applied = hold(await holder.refs.merge(holder.ctx, [third, taken], about));
    expect(await show(applied)).toMatchObject({ 'd/new': 'n', changed: '22', mine: 'm' });
    expect(Object.keys(await show(applied))).not.toContain('d/old');
  });

  test('cache trees are found again, shared or passed over, and dropped', async () => {
    const { refs, ctx } = holder;
    const open = (shared: boolean): ReturnType<typeof refs.cacheTree> => refs.cacheTree(ctx, 'k', { base: undefined, shared }, about);
    const [one, two] = await Promise.all([open(true), open(true)]);
    expect(two.id).toBe(one.id);
    const own = await open(false);
    expect(own.id).not.toBe(one.id);
    one.release();
    expect((await usage()).find(({ id }) => id === one.id)).toMatchObject({ mutable: true, inUse: true, type: 'exec.cachemount' });
    two.release();
    own.release();
    await holder.restart();
    const again = await holder.refs.cacheTree(ctx, 'k', { base: undefined, shared: false }, about);
    expect([one.id, own.id]).toContain(again.id);
    holder.refs.dropCacheTrees('k');
    const fresh = await holder.refs.cacheTree(ctx, 'k', { base: undefined, shared: true }, about);
    expect([one.id, own.id]).not.toContain(fresh.id);
    again.release();
    fresh.release();
  });

  test('prune takes leaves first, and never what is held or what that stands on', async () => {
    const base = await tree(undefined, { '/f': 'x'.repeat(10_000) });
    const kept = await tree(base, { '/g': 'g' });
    const loose = await tree(base, { '/h': 'h' });
    base.release();
    loose.release();
    const removed: string[] = [];
    await holder.refs.prune(holder.ctx, [{ filters: [], all: false }], ({ id }) => removed.push(id));
    expect(removed).toEqual([loose.id]);
    expect(await show(kept)).toEqual({ f: 'x'.repeat(10_000), g: 'g' });
    expect((await usage()).map(({ id, inUse }) => [id, inUse])).toEqual([
      [base.id, true],
      [kept.id, true],
    ]);
    kept.release();
    await holder.refs.prune(holder.ctx, [{ filters: [`id==${kept.id}`], all: true }], ({ id }) => removed.push(id));
    await holder.refs.prune(holder.ctx, [{ filters: [], all: true, keepMs: 60_000 }], ({ id }) => removed.push(id));
    expect(removed.slice(1)).toEqual([kept.id]);
    await holder.refs.prune(holder.ctx, [{ filters: [], all: true, maxUsedSpace: 1 }], ({ id }) => removed.push(id));
    expect(await usage()).toEqual([]);
    held = [];
  });

  test('a tree that nobody finds again goes with its last holder, unless something was made of it', async () => {
    const names = async (): Promise<string[]> => {
      const found: string[] = [];
      const asked = { snapshotter: holder.services.snapshotter, filters: [] };
      for await (const { info } of holder.services.snapshots.list(holder.services.inStore(holder.ctx), asked))
        found.push(...info.map(({ name }) => name));
      return found;
    };
    const base = await tree(undefined, { '/f': '1' });
    const failed = await tree(base, { '/g': '2' }, true);
    const other = failed.clone();
    failed.release();
    expect(await show(other)).toEqual({ f: '1', g: '2' });
    other.release();
    for (let tries = 0; (await names()).length > 1 && tries < 200; tries++) await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await names()).toEqual([`gantry-build-${base.id}`]);
    const below = await tree(base, { '/g': '3' }, true);
    const above = await tree(below, { '/h': '4' });
    for (const ref of held.splice(0)) ref.release();
    await holder.restart();
    expect(await show(hold(holder.refs.get(above.id)))).toEqual({ f: '1', g: '3', h: '4' });
  });

  test('what a kill leaves is gone after the next start, and what was committed is there', async () => {
    const kept = await tree(undefined, { '/f': '1' });
    await holder.refs.prepare(holder.ctx, kept, about);
    const view = await holder.refs.view(holder.ctx, kept);
    expect(view.mounts).not.toEqual([]);
    for (const ref of held.splice(0)) ref.release();
    const store = holder.services.inStore(holder.ctx);
    await holder.services.leases.create(store, { id: `${WORK_LEASE}1`, labels: {} });
    await beginUpload(holder.services.content, derive(store, { lease: `${WORK_LEASE}1` }));
    await holder.restart();
    const { leases } = await holder.services.leases.list(store, { filters: [] });
    const { statuses } = await holder.services.content.listStatuses(store, { filters: [] });
    expect([leases.map(({ id }) => id), statuses]).toEqual([[LEASE], []]);
    const names: string[] = [];
    const list = holder.services.snapshots.list(holder.services.inStore(holder.ctx), {
      snapshotter: holder.services.snapshotter,
      filters: [],
    });
    for await (const { info } of list) names.push(...info.map(({ name }) => name));
    expect(names).toEqual([`gantry-build-${kept.id}`]);
    expect(await show(hold(holder.refs.get(kept.id)))).toEqual({ f: '1' });
  });

  test('a layer that was built is put into the snapshot of a container by links, with what it hides', async () => {
    const { refs, ctx, services } = holder;
    const base = await tree(undefined, { '/d/1': 'one', '/d/2': 'two', '/e/3': 'three' });
    const next = await tree(base, { '/d/1': null, '/e': null, '/e/4': 'four' });
    const [, layer] = await refs.blobs(ctx, next, { compression: 'gzip', force: false, oci: true });
    const where = { snapshotter: services.snapshotter, key: 'by-links' };
    const store = derive(services.inStore(ctx), { lease: LEASE }); // what nobody holds a collection takes, at any moment
    const { mounts } = await services.snapshots.prepare(store, { ...where, parent: `gantry-build-${base.id}`, labels: {} });
    try {
      expect(await refs.fill(ctx, layer?.diffId ?? '', mounts)).toBe(services.snapshotter === 'overlayfs');
      expect(await refs.fill(ctx, 'sha256:of-nothing', mounts)).toBe(false);
      expect([refs.snapshotOf(layer?.diffId ?? ''), refs.snapshotOf('sha256:of-nothing')]).toEqual([`gantry-build-${next.id}`, undefined]);
      const names = await withMounts(mounts, (root) => Promise.resolve([readdirSync(join(root, 'd')), readdirSync(join(root, 'e'))]));
      if (services.snapshotter === 'overlayfs') expect(names).toEqual([['2'], ['4']]);
    } finally {
      await services.snapshots.remove(store, where);
    }
  });

  test('contents whose digests were told are not read', async () => {
    const { refs, ctx } = holder;
    const working = await refs.prepare(ctx, undefined, about);
    const plan = new TreeRequest('P').number(1).mounts(working.mounts).number(1).number('f'.charCodeAt(0)).number(0);
    await holder.program.run(plan.text('/f').number(0o644).text('real').number(-1).number(-1).number(-1), ctx.signal);
    working.noteDigests(new Map([['f', Buffer.alloc(32, 7)]]));
    const told = hold(await working.commit(ctx));
    const options = { followLinks: false, wildcard: false, include: [], exclude: [] };
    const real = await tree(undefined, { '/f': 'real' });
    const sums = [await refs.checksum(ctx, told, '/', options), await refs.checksum(ctx, real, '/', options)];
    expect(sums[0]).not.toBe(sums[1]);
    if (holder.services.snapshotter !== 'overlayfs') return; // a copy has inodes of its own
    const above = await tree(told, { '/g': '' });
    expect(await refs.checksum(ctx, above, '/f', options)).toBe(await refs.checksum(ctx, told, '/f', options));
  });
});
