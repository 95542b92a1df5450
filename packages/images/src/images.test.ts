import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { newContext } from '@gantry/rpc';
import { syscalls } from '@gantry/linux';
import { sha256 } from '@gantry/oci';
import { startEngine, type TestEngine } from './testing/engine';
import { dockerArchive, tarOf } from './testing/tar';

const ctx = newContext();
const base = [
  { name: 'etc', type: 'directory' as const },
  { name: 'etc/passwd', body: 'root:x:0:0::/:/bin/sh\n' },
  { name: 'bin/sh', body: 'sh', mode: 0o755 },
];
const upper = [
  { name: 'etc/.wh.passwd', body: '' },
  { name: 'new', body: 'new' },
];
let engine: TestEngine;

beforeEach(async () => {
  engine = await startEngine();
});
afterEach(() => engine.stop());

const list = async (filters = {}) => (await engine.images.list(ctx, { all: false, filters, sharedSize: false })).images;
const remove = async (
  ref: string,
  force = false,
  uses: { imageId: string; containerId: string; running: boolean; manifestDigest?: string }[] = [],
) =>
  (
    await engine.images.remove(ctx, {
      ref,
      force,
      noPrune: false,
      uses: uses.map((use) => ({ manifestDigest: '', ...use })),
      platforms: [],
    })
  ).removed.map(({ untagged, deleted }) => (untagged === '' ? `-${deleted}` : untagged));

describe('load', () => {
  test('names, facts and a chain that a container can start from', async () => {
    const image = await dockerArchive(['a:1', 'b/c:2'], [base, upper]);
    const answers = await engine.load(image.archive);
    expect(answers.map(({ progress }) => progress?.stream)).toEqual(['Loaded image: a:1\n', 'Loaded image: b/c:2\n']);
    const [found] = await list();
    expect(found).toMatchObject({
      id: image.id,
      repoTags: ['a:1', 'b/c:2'],
      repoDigests: [`a@${image.id}`, `b/c@${image.id}`],
      diffIds: image.diffIds,
      created: '2024-05-01T00:00:00Z',
    });
    const { mounts } = await engine.snapshots.prepare(ctx, { snapshotter: '', key: 'c', parent: found?.chainId ?? '', labels: {} });
    expect(mounts[0]?.type).toBe('overlay');
    const target = mkdtempSync(join(tmpdir(), 'gi-m-'));
    const options = (mounts[0]?.options ?? []).join(',');
    syscalls.mount('overlay', target, 'overlay', 0, options);
    try {
      expect(readFileSync(join(target, 'new'), 'utf8')).toBe('new');
      expect(execFileSync('ls', [join(target, 'etc')]).toString()).toBe('');
    } finally {
      syscalls.umount2(target, 0);
      rmSync(target, { recursive: true });
    }
    const usage = await engine.snapshots.usage(ctx, { snapshotter: 'overlayfs', key: 'c' });
    expect(usage.inodes).toBeGreaterThan(0n);
  });

  test('twice is the same; a moved name leaves the old image dangling', async () => {
    const first = await dockerArchive(['a:1'], [base]);
    const second = await dockerArchive(['a:1'], [base, upper]);
    await engine.load(first.archive);
    await engine.load(first.archive);
    const answers = await engine.load(second.archive);
    expect(answers[0]?.progress?.stream).toBe(`The image a:1 already exists, renaming the old one with ID ${first.id} to empty string\n`);
    const images = await list();
    expect(images.find(({ id }) => id === first.id)?.repoTags).toEqual([]);
    expect((await list({ dangling: { values: ['true'] } })).map(({ id }) => id)).toEqual([first.id]);
    await engine.snapshots.cleanup(ctx, { snapshotter: 'overlayfs' });
    expect(engine.snapshotDirs()).toHaveLength(2);
  });

  test('compressed layers and a compressed archive', async () => {
    const image = await dockerArchive(['z:1'], [base, upper], { gzip: true });
    await engine.load(gzipSync(image.archive));
    expect((await list())[0]).toMatchObject({ id: image.id, diffIds: image.diffIds });
  });

  test('a layer that is not what its image says leaves nothing behind', async () => {
    const image = await dockerArchive(['a:1'], [base]);
    const wrong = JSON.stringify({
      ...(JSON.parse(image.config.toString()) as object),
      rootfs: { type: 'layers', diff_ids: [`sha256:${'0'.repeat(64)}`] },
    });
    const archive = await tarOf([
      { name: 'l/layer.tar', body: image.layers[0] ?? '' },
      { name: 'c.json', body: wrong },
      { name: 'manifest.json', body: JSON.stringify([{ Config: 'c.json', RepoTags: ['a:1'], Layers: ['l/layer.tar'] }]) },
    ]);
    await expect(engine.load(archive)).rejects.toMatchObject({ kind: 'dataLoss' });
    await engine.leases.delete(ctx, { id: 'x', sync: true }).catch(() => undefined);
    await engine.leases.create(ctx, { id: 'gc', labels: {} });
    await engine.leases.delete(ctx, { id: 'gc', sync: true });
    expect(await list()).toEqual([]);
    expect(engine.blobFiles()).toEqual([]);
    await engine.snapshots.cleanup(ctx, { snapshotter: '' });
    expect(engine.snapshotDirs()).toEqual([]);
  });

  test.each([
    ['no archive', Buffer.from('this is not a tar archive'.repeat(100))],
    ['an empty archive', Buffer.alloc(1024)],
  ])('%s is refused and the service lives', async (_what, bytes) => {
    await expect(engine.load(bytes)).rejects.toThrow();
    expect(await list()).toEqual([]);
  });

  test('attack 27: an unsafe layer fails the load, nothing is left', async () => {
    const image = await dockerArchive(['evil:1'], [[{ name: '../../../../../../../../tmp/gi-evil', body: 'x' }]]);
    await expect(engine.load(image.archive)).rejects.toThrow(/leads outside/);
    await engine.snapshots.cleanup(ctx, { snapshotter: '' });
    expect(engine.snapshotDirs()).toEqual([]);
    expect(await list()).toEqual([]);
  });
});

describe('save', () => {
  test("comes back the same, by docker's and OCI's rules", async () => {
    const image = await dockerArchive(['a:1'], [base, upper]);
    await engine.load(image.archive);
    const saved = await engine.save(['a:1']);
    await remove('a:1');
    expect(await list()).toEqual([]);
    await engine.load(saved);
    expect((await list())[0]).toMatchObject({ id: image.id, repoTags: ['a:1'] });
  });

  const skopeo = (() => {
    try {
      execFileSync('skopeo', ['--version']);
      return true;
    } catch {
      console.warn('skipped: skopeo is not installed');
      return false;
    }
  })();
  (skopeo ? test : test.skip)('skopeo reads both forms', async () => {
    const image = await dockerArchive(['a:1'], [base]);
    await engine.load(image.archive);
    const dir = mkdtempSync(join(tmpdir(), 'gi-s-'));
    try {
      const file = join(dir, 's.tar');
      writeFileSync(file, await engine.save(['a:1']));
      for (const from of [`docker-archive:${file}:a:1`, `oci-archive:${file}`]) {
        const config = execFileSync('skopeo', ['inspect', '--config', '--raw', from]);
        expect(sha256(config)).toBe(image.configDigest);
      }
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  test('a repository is all its tags, also without latest, unless its name is the beginning of an id', async () => {
    const image = await dockerArchive(['abc:1'], [base]);
    const more = await dockerArchive(['abc:two'], [base, upper]);
    for (const { archive } of [image, more]) await engine.load(archive);
    const saved = await engine.save(['abc']);
    await remove('abc:1');
    await remove('abc:two');
    await engine.load(saved);
    expect((await list()).flatMap(({ repoTags }) => repoTags).sort()).toEqual(['abc:1', 'abc:two']);
  });

  test("an unknown name has docker's error", async () => {
    await expect(engine.images.save(ctx, { refs: ['nope'], platforms: [], from: '' })).rejects.toMatchObject({
      kind: 'notFound',
      message: 'No such image: nope:latest',
    });
  });
});

describe('names', () => {
  test('are resolved as docker does', async () => {
    const image = await dockerArchive(['a:1'], [base]);
    await engine.load(image.archive);
    const hex = image.id.slice('sha256:'.length);
    for (const ref of ['a:1', 'docker.io/library/a:1', image.id, hex, hex.slice(0, 6), image.id.slice(0, 20)]) {
      expect((await engine.images.resolve(ctx, { ref, platform: undefined })).image?.id).toBe(image.id);
    }
    await expect(engine.images.resolve(ctx, { ref: 'a', platform: undefined })).rejects.toMatchObject({
      kind: 'notFound',
      message: 'No such image: a:latest',
    });
    await expect(engine.images.resolve(ctx, { ref: 'A', platform: undefined })).rejects.toMatchObject({ kind: 'invalidArgument' });
  });

  test('tag', async () => {
    const image = await dockerArchive(['a:1'], [base]);
    await engine.load(image.archive);
    await engine.images.tag(ctx, { source: image.id, target: 'x/y' });
    expect((await list())[0]?.repoTags).toEqual(['a:1', 'x/y:latest']);
    await expect(engine.images.tag(ctx, { source: image.id, target: 'sha256:a' })).rejects.toMatchObject({
      kind: 'invalidArgument',
      message: 'refusing to create an ambiguous tag using digest algorithm as name',
    });
    await engine.images.tag(ctx, { source: image.id, target: 'x/sha256:a' });
  });
});

describe('rmi', () => {
  test('a name whose image cannot be read is taken away, too', async () => {
    const image = await dockerArchive(['a:1', 'a:2'], [base]);
    await engine.load(image.archive);
    await engine.content.delete(ctx, { digest: image.configDigest });
    expect(await list()).toEqual([]);
    expect(await remove('a:1')).toEqual(['a:1']);
    expect(await remove('a:2')).toEqual(['a:2', `-${image.id}`]);
    await expect(remove('a:1')).rejects.toMatchObject({ kind: 'notFound' });
    expect(engine.blobFiles()).toEqual([]);
  });

  test('by name takes names away, and the image with the last', async () => {
    const image = await dockerArchive(['a:1', 'b:1'], [base]);
    await engine.load(image.archive);
    await expect(remove(image.id.slice(7, 19))).rejects.toMatchObject({
      kind: 'conflict',
      message: `conflict: unable to delete ${image.id.slice(7, 19)} (must be forced) - image is referenced in multiple repositories`,
    });
    expect(await remove('a:1')).toEqual(['a:1']);
    expect(await remove('b:1')).toEqual(['b:1', `-${image.id}`]);
    await engine.snapshots.cleanup(ctx, { snapshotter: '' });
    expect([engine.snapshotDirs(), engine.blobFiles()]).toEqual([[], []]);
  });

  test('containers stand against it', async () => {
    const image = await dockerArchive(['a:1'], [base]);
    await engine.load(image.archive);
    const short = image.id.slice(7, 19);
    const containerId = 'c'.repeat(64);
    const stopped = [{ imageId: image.id, containerId, running: false }];
    await expect(remove('a:1', false, stopped)).rejects.toThrow(
      `conflict: unable to delete a:1 (must be forced) - container cccccccccccc is using its referenced image ${short}`,
    );
    await engine.load((await dockerArchive(['c:latest'], [base, upper])).archive);
    const [other] = (await list()).filter(({ repoTags }) => repoTags.includes('c:latest'));
    await expect(remove('c', false, [{ imageId: other?.id ?? '', containerId, running: false }])).rejects.toThrow(
      'conflict: unable to delete c:latest (must be forced) - container cccccccccccc is using its referenced image',
    );
    await remove('c');
    await expect(remove(image.id, false, stopped)).rejects.toThrow(
      `conflict: unable to delete ${short} (must be forced) - image is being used by stopped container cccccccccccc`,
    );
    await expect(remove(image.id, true, [{ imageId: image.id, containerId, running: true }])).rejects.toThrow(
      `conflict: unable to delete ${short} (cannot be forced) - image is being used by running container cccccccccccc`,
    );
    expect(await remove('a:1', true, [{ imageId: image.id, containerId, running: true }])).toEqual(['a:1']);
    expect((await list())[0]).toMatchObject({ id: image.id, repoTags: [] });
  });

  test('a container keeps its layers whatever happens to the image', async () => {
    const image = await dockerArchive(['a:1'], [base]);
    await engine.load(image.archive);
    await engine.leases.create(ctx, { id: 'container', labels: {} });
    const chain = image.diffIds[0] ?? '';
    await engine.snapshots.prepare(newContext({ lease: 'container' }), { snapshotter: '', key: 'c1', parent: chain, labels: {} });
    await remove('a:1', true);
    expect(engine.snapshotDirs()).toHaveLength(2);
    await engine.leases.delete(ctx, { id: 'container', sync: true });
    await engine.snapshots.cleanup(ctx, { snapshotter: '' });
    expect(engine.snapshotDirs()).toEqual([]);
  });

  test('prune takes dangling images, and all unused ones when asked', async () => {
    const first = await dockerArchive(['a:1'], [base]);
    const second = await dockerArchive(['a:1'], [base, upper]);
    await engine.load(first.archive);
    await engine.load(second.archive);
    const pruned = await engine.images.prune(ctx, { filters: {}, uses: [], names: [] });
    expect(pruned.removed.map(({ deleted }) => deleted)).toContain(first.id);
    expect((await list()).map(({ id }) => id)).toEqual([second.id]);
    const rest = await engine.images.prune(ctx, {
      filters: { dangling: { values: ['false'] } },
      uses: [{ imageId: second.id, containerId: 'x', running: false, manifestDigest: '' }],
      names: ['a:1'],
    });
    expect(rest.removed).toEqual([]);
  });

  test.each([
    ['a name', ['a:1'], ['b:2', 'c:3']],
    ['a name with a digest', ['a:1@DIGEST'], ['b:2', 'c:3']],
    ['its id', ['DIGEST'], ['a:1', 'b:2']],
    ['a digest of a repository', ['a@DIGEST'], ['a:1', 'b:2']],
    ['two names', ['c:3', 'a:1'], ['b:2']],
  ])('of an image whose container was made with %s, prune takes the other names', async (_how, made, gone) => {
    const image = await dockerArchive(['a:1', 'b:2', 'c:3'], [base]);
    await engine.load(image.archive);
    const [id = ''] = (await list()).map((each) => each.id);
    const { removed } = await engine.images.prune(ctx, {
      filters: { dangling: { values: ['false'] } },
      uses: [{ imageId: id, containerId: 'x', running: true, manifestDigest: '' }],
      names: made.map((name) => name.replace('DIGEST', id)),
    });
    expect(removed.map(({ untagged, deleted }) => untagged + deleted).sort()).toEqual(gone);
    expect((await list()).map((each) => each.id)).toEqual([id]);
  });
});

test('history shows each step with its layer', async () => {
  const image = await dockerArchive(['a:1'], [base, upper]);
  await engine.load(image.archive);
  const { items } = await engine.images.history(ctx, { ref: 'a:1', platform: undefined });
  expect(items.map(({ id, createdBy }) => [id, createdBy])).toEqual([
    [image.id, 'step 1'],
    ['<missing>', 'step 0'],
  ]);
  expect(items[0]?.size).toBe(3n);
});

test('commit makes an image of what a container changed', async () => {
  const image = await dockerArchive(['a:1'], [base]);
  await engine.load(image.archive);
  await engine.snapshots.prepare(ctx, { snapshotter: '', key: 'c1', parent: image.diffIds[0] ?? '', labels: {} });
  const number = engine.snapshotDirs().at(-1) ?? '';
  writeFileSync(join(engine.data, 'snapshots', number, 'fs/added'), 'added');
  execFileSync('mknod', [join(engine.data, 'snapshots', number, 'fs/gone'), 'c', '0', '0']);
  expect((await engine.images.getChanges(ctx, { snapshotKey: 'c1' })).changes).toEqual([
    { path: '/added', kind: 1 },
    { path: '/gone', kind: 2 },
  ]);
  const request = {
    snapshotKey: 'c1',
    parentImageId: image.id,
    configJson: Buffer.from('{"Cmd":["x"]}'),
    author: 'me',
    comment: 'why',
    containerId: 'c1',
    repository: 'made',
    tag: '',
    changes: ['ENV A=1'],
  };
  const { imageId, familiarName } = await engine.images.commit(ctx, request);
  expect(familiarName).toBe('made:latest');
  const made = (await engine.images.resolve(ctx, { ref: 'made', platform: undefined })).image;
  expect(made).toMatchObject({ id: imageId, parent: image.id, author: 'me', comment: 'why' });
  expect(JSON.parse(made?.configJson.toString() ?? '')).toMatchObject({ config: { Cmd: ['x'], Env: ['A=1'] } });
  await expect(remove(image.id, true)).rejects.toThrow('image has dependent child images');
  expect(await remove('made')).toContain(`-${imageId}`);
});

test('a restart keeps everything and removes what a crash left', async () => {
  const image = await dockerArchive(['a:1'], [base]);
  await engine.load(image.archive);
  writeFileSync(join(engine.data, 'content/blobs/sha256', 'f'.repeat(64)), 'orphan');
  writeFileSync(join(engine.data, 'content/ingest/99'), 'orphan');
  execFileSync('mkdir', ['-p', join(engine.data, 'snapshots/4711/fs'), join(engine.data, 'volumes/orphan/_data')]);
  await engine.restart();
  expect((await list())[0]?.id).toBe(image.id);
  expect(engine.snapshotDirs()).toEqual(['1']);
  expect(engine.blobFiles()).not.toContain('f'.repeat(64));
});
