import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { newContext } from '@gantry/rpc';
import { startEngine, type TestEngine } from '../testing/engine';
import { dockerArchive } from '../testing/tar';
import { mounted, snapshotterSuite } from './testing/suite';

const ctx = newContext();

describe.each(['overlayfs', 'copy', 'native'])('%s', (name) => {
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await startEngine();
  });
  afterAll(() => engine.stop());
  snapshotterSuite(() => engine, name);
});

describe('proxy, with the images service of another engine as the foreign one', () => {
  let foreign: TestEngine;
  let engine: TestEngine;
  beforeAll(async () => {
    foreign = await startEngine();
    engine = await startEngine({ 'proxy-snapshotters': [`far=${foreign.socket},overlayfs`] });
  });
  afterAll(async () => {
    await engine.stop();
    await foreign.stop();
  });
  snapshotterSuite(() => engine, 'far');

  test('what a crash left there goes at the next start, and nothing else', async () => {
    const far = newContext({ namespace: 'gantry' });
    await engine.snapshots.prepare(ctx, { snapshotter: 'far', key: 'kept', parent: '', labels: {} });
    const names = async (): Promise<string[]> => {
      const found: string[] = [];
      for await (const { info } of foreign.snapshots.list(far, { snapshotter: '', filters: [] }))
        found.push(...info.map((each) => each.name));
      return found;
    };
    const [kept = ''] = await names();
    await foreign.snapshots.prepare(far, { snapshotter: '', key: `${kept.split('/')[0]}/cut-off`, parent: '', labels: {} });
    await foreign.snapshots.prepare(far, { snapshotter: '', key: 'somebody-elses', parent: '', labels: {} });
    await engine.restart();
    expect((await names()).sort()).toEqual([kept, 'somebody-elses'].sort());
    await engine.snapshots.remove(ctx, { snapshotter: 'far', key: 'kept' });
    await engine.snapshots.cleanup(ctx, { snapshotter: 'far' });
    expect(await names()).toEqual(['somebody-elses']);
  });
});

test.each(['copy', 'far'])("docker's images on %s: load, container, diff, commit, rmi", async (name) => {
  const foreign = await startEngine();
  const engine = await startEngine({ snapshotter: name, 'proxy-snapshotters': [`far=${foreign.socket},overlayfs`] });
  try {
    const image = await dockerArchive(
      ['a:1'],
      [
        [
          { name: 'd/a', body: 'a' },
          { name: 'd/b', body: 'b' },
          { name: 'gone', body: '' },
        ],
        [
          { name: 'd/.wh.a', body: '' },
          { name: '.wh.gone', body: '' },
          { name: 'd/c', body: 'c' },
        ],
      ],
    );
    await engine.load(image.archive);
    const found = (await engine.images.resolve(ctx, { ref: 'a:1', platform: undefined })).image;
    expect(found).toMatchObject({ id: image.id, snapshotter: name });
    expect((await engine.images.getInfo(ctx, {})).snapshotter).toBe(name);
    const { mounts } = await engine.snapshots.prepare(ctx, { snapshotter: '', key: 'c1', parent: found?.chainId ?? '', labels: {} });
    await mounted(mounts, async (root) => {
      expect([readdirSync(root), readdirSync(join(root, 'd'))]).toEqual([['d'], ['b', 'c']]);
      const { writeFileSync, rmSync } = await import('node:fs');
      writeFileSync(join(root, 'd/new'), 'new');
      rmSync(join(root, 'd/b'));
    });
    expect((await engine.images.getChanges(ctx, { snapshotKey: 'c1' })).changes).toEqual([
      { path: '/d', kind: 0 },
      { path: '/d/b', kind: 2 },
      { path: '/d/new', kind: 1 },
    ]);
    const { imageId } = await engine.images.commit(ctx, {
      snapshotKey: 'c1',
      parentImageId: image.id,
      configJson: Buffer.from('{}'),
      author: '',
      comment: '',
      containerId: 'c1',
      repository: 'made',
      tag: '',
      changes: [],
    });
    const made = (await engine.images.resolve(ctx, { ref: 'made', platform: undefined })).image;
    expect(made?.id).toBe(imageId);
    const other = await engine.snapshots.view(ctx, { snapshotter: name, key: 'v', parent: made?.chainId ?? '', labels: {} });
    expect(await mounted(other.mounts, (root) => readdirSync(join(root, 'd')))).toEqual(['c', 'new']);
    for (const key of ['v', 'c1']) await engine.snapshots.remove(ctx, { snapshotter: '', key });
    for (const ref of ['made', 'a:1']) await engine.images.remove(ctx, { ref, force: true, noPrune: false, uses: [], platforms: [] });
    await engine.snapshots.cleanup(ctx, { snapshotter: '' });
    expect(readdirSync(join(engine.data, 'snapshots-copy'))).toEqual([]);
    expect(foreign.snapshotDirs()).toEqual([]);
  } finally {
    await engine.stop();
    await foreign.stop();
  }
});

test('images that were unpacked for another snapshotter are unpacked again when a container needs them', async () => {
  const first = await startEngine();
  const image = await dockerArchive(['a:1'], [[{ name: 'f', body: 'x' }], [{ name: 'g', body: 'y' }]]);
  await first.load(image.archive);
  await first.restart({ snapshotter: 'copy' });
  try {
    const found = (await first.images.resolve(ctx, { ref: 'a:1', platform: undefined })).image;
    const { mounts } = await first.snapshots.prepare(ctx, {
      snapshotter: found?.snapshotter ?? '',
      key: 'c',
      parent: found?.chainId ?? '',
      labels: {},
    });
    expect(mounts[0]).toMatchObject({ type: 'bind' });
    expect(readdirSync(mounts[0]?.source ?? '')).toEqual(['f', 'g']);
  } finally {
    await first.stop();
  }
});

test.each([
  [{ snapshotter: 'zfs' }, 'snapshotter "zfs" is none of overlayfs, copy'],
  [{ 'storage-driver': 'btrfs' }, 'snapshotter "btrfs" is none of'],
  [{ snapshotter: 'copy', 'storage-driver': 'overlay2' }, 'are not the same'],
  [{ 'proxy-snapshotters': ['x'] }, '"x" is not NAME=SOCKET'],
  [{ 'proxy-snapshotters': ['copy=/run/x.sock'] }, 'the name "copy" is taken'],
])('configuration %j is refused', async (change, message) => {
  const { checkConfig, defaults } = await import('../config');
  expect(() => checkConfig({ ...defaults, ...change })).toThrow(message);
});
