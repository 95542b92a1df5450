import { randomBytes } from 'node:crypto';
import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { WriteAction, type WriteContentRequest } from '@gantry/api/containerd/services/content/v1/content';
import { SnapshotsService } from '@gantry/api/containerd/services/snapshots/v1/snapshots';
import { connect, createServer, forwardService, newContext, silentLogger } from '@gantry/rpc';
import { sha256 } from '@gantry/oci';
import { mounted } from './snapshots/testing/suite';
import { startEngine, type TestEngine } from './testing/engine';
import { dockerArchive, tarOf } from './testing/tar';

const ctx = newContext();
let engine: TestEngine;
beforeEach(async () => {
  engine = await startEngine();
});
afterEach(() => engine.stop());

async function write(requests: readonly Partial<WriteContentRequest>[], context = ctx) {
  const answers = [];
  const whole = async function* () {
    for (const request of requests)
      yield { action: WriteAction.WRITE, ref: '', total: 0n, expected: '', offset: 0n, data: Buffer.alloc(0), labels: {}, ...request };
  };
  for await (const answer of engine.content.write(context, whole())) answers.push(answer);
  return answers;
}

async function read(digest: string, offset = 0n, size = 0n): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const { data } of engine.content.read(ctx, { digest, offset, size })) parts.push(data);
  return Buffer.concat(parts);
}

const collect = async (): Promise<void> => {
  await engine.leases.create(ctx, { id: 'collect', labels: {} });
  await engine.leases.delete(ctx, { id: 'collect', sync: true });
  await engine.snapshots.cleanup(ctx, { snapshotter: '' });
};

describe('content', () => {
  const data = randomBytes(3 << 20);
  const digest = sha256(data);

  test('an upload in pieces, broken off and resumed', async () => {
    await write([
      { ref: 'r', total: BigInt(data.length), expected: digest, action: WriteAction.STAT },
      { data: data.subarray(0, 1 << 20) },
    ]);
    const { status } = await engine.content.status(ctx, { ref: 'r' });
    expect(status).toMatchObject({ offset: 1048576n, total: BigInt(data.length), expected: digest });
    await engine.restart();
    const answers = await write([
      { ref: 'r', action: WriteAction.STAT },
      { offset: 1048576n, data: data.subarray(1 << 20) },
      { action: WriteAction.COMMIT, expected: digest, total: BigInt(data.length), labels: { a: 'b' } },
    ]);
    expect(answers[0]).toMatchObject({ action: WriteAction.STAT, offset: 1048576n });
    expect(answers.at(-1)).toMatchObject({ action: WriteAction.COMMIT, offset: BigInt(data.length), digest });
    expect((await engine.content.info(ctx, { digest })).info).toMatchObject({ size: BigInt(data.length), labels: { a: 'b' } });
    expect((await read(digest)).equals(data)).toBe(true);
    expect((await read(digest, 100n, 50n)).equals(data.subarray(100, 150))).toBe(true);
    expect((await engine.content.listStatuses(ctx, { filters: [] })).statuses).toEqual([]);
  });

  test('an upload tells when it was written to last, over a resume too, and can be aborted while somebody writes', async () => {
    const micros = (time: { seconds: bigint; nanos: number } | undefined) => Number(time?.seconds ?? 0n) * 1e6 + (time?.nanos ?? 0) / 1e3;
    const [, written] = await write([{ ref: 'r', action: WriteAction.STAT }, { data: data.subarray(0, 10) }]);
    const [again] = await write([{ ref: 'r', action: WriteAction.STAT }]);
    const { status } = await engine.content.status(ctx, { ref: 'r' });
    expect([micros(again?.updatedAt), micros(status?.updatedAt)]).toEqual([micros(written?.updatedAt), micros(written?.updatedAt)]);
    expect(micros(written?.updatedAt)).toBeGreaterThan(micros(written?.startedAt));

    const held = Promise.withResolvers<void>();
    const aborted = Promise.withResolvers<void>();
    const more = { action: WriteAction.WRITE, ref: 'r', total: 0n, expected: '', offset: 10n, data: data.subarray(10, 20), labels: {} };
    const writing = (async () => {
      const requests = async function* () {
        yield more;
        await aborted.promise;
        yield { ...more, offset: 20n };
      };
      for await (const _answer of engine.content.write(ctx, requests())) held.resolve();
    })();
    await held.promise;
    await engine.content.abort(ctx, { ref: 'r' });
    aborted.resolve();
    await expect(writing).rejects.toMatchObject({ kind: 'unavailable' });
    await expect(engine.content.status(ctx, { ref: 'r' })).rejects.toMatchObject({ kind: 'notFound' });
  });

  test("errors have containerd's kinds", async () => {
    await write([{ ref: 'r', data, action: WriteAction.COMMIT, expected: digest }]);
    await expect(write([{ ref: 'r2', expected: digest, action: WriteAction.STAT }])).rejects.toMatchObject({ kind: 'alreadyExists' });
    await expect(write([{ ref: 'r3', data, action: WriteAction.COMMIT, expected: sha256('other') }])).rejects.toMatchObject({
      kind: 'failedPrecondition',
    });
    await expect(write([{ ref: 'r4', data, action: WriteAction.COMMIT, total: 5n }])).rejects.toMatchObject({ kind: 'failedPrecondition' });
    await expect(write([{ data }])).rejects.toMatchObject({ kind: 'invalidArgument' });
    await expect(write([{ ref: 'r5', data, offset: 7n }])).rejects.toMatchObject({ kind: 'outOfRange' });
    await expect(engine.content.info(ctx, { digest: sha256('nothing') })).rejects.toMatchObject({ kind: 'notFound' });
    await expect(engine.content.info(ctx, { digest: 'sha256:../../etc' })).rejects.toMatchObject({ kind: 'invalidArgument' });
    await expect(engine.content.abort(ctx, { ref: 'nothing' })).rejects.toMatchObject({ kind: 'notFound' });
    // A reader need not know how long the content is: past the end there is what there is.
    expect((await read(digest, BigInt(data.length - 3), 100n)).equals(data.subarray(-3))).toBe(true);
    expect((await read(digest, BigInt(data.length), 100n)).length).toBe(0);
    expect((await read(digest, 1n, -1n)).length).toBe(data.length - 1);
    await expect(read(digest, BigInt(data.length + 1))).rejects.toMatchObject({ kind: 'outOfRange' });
    await engine.content.abort(ctx, { ref: 'r3' });
  });

  test('namespaces share bytes, not names', async () => {
    await write([{ ref: 'r', data, action: WriteAction.COMMIT }]);
    const other = newContext({ namespace: 'other' });
    await expect(engine.content.info(other, { digest })).rejects.toMatchObject({ kind: 'notFound' });
    await expect(write([{ ref: 'r', expected: digest, action: WriteAction.STAT }], other)).rejects.toMatchObject({ kind: 'alreadyExists' });
    await engine.content.delete(ctx, { digest });
    expect((await engine.content.info(other, { digest })).info?.size).toBe(BigInt(data.length));
    await engine.content.delete(other, { digest });
    expect(engine.blobFiles()).toEqual([]);
  });

  test('labels: masks and filters', async () => {
    await write([{ ref: 'r', data, action: WriteAction.COMMIT, labels: { a: '1', b: '2' } }]);
    const info = { digest, size: 0n, createdAt: undefined, updatedAt: undefined };
    await engine.content.update(ctx, { info: { ...info, labels: { a: '', c: '3' } }, updateMask: ['labels.a', 'labels.c'] });
    const listed = async (filter: string) => {
      const digests: string[] = [];
      for await (const page of engine.content.list(ctx, { filters: [filter] })) digests.push(...page.info.map((item) => item.digest));
      return digests;
    };
    expect((await engine.content.info(ctx, { digest })).info?.labels).toEqual({ b: '2', c: '3' });
    expect(await listed('labels.c==3')).toEqual([digest]);
    expect(await listed('labels."a"')).toEqual([]);
    expect(await listed('labels.b~=^[0-9]$,labels.c!=4')).toEqual([digest]);
    await expect(listed('labels.b~=[')).rejects.toMatchObject({ kind: 'invalidArgument' });
  });
});

describe('snapshots', () => {
  test('the life of a stack', async () => {
    const { snapshots } = engine;
    const request = { snapshotter: 'overlayfs', labels: {} };
    const first = await snapshots.prepare(ctx, { ...request, key: 'a', parent: '' });
    expect(first.mounts[0]).toMatchObject({ type: 'bind', options: ['rw', 'rbind'] });
    await expect(snapshots.prepare(ctx, { ...request, key: 'a', parent: '' })).rejects.toMatchObject({ kind: 'alreadyExists' });
    await expect(snapshots.prepare(ctx, { ...request, key: 'x', parent: 'nothing' })).rejects.toMatchObject({ kind: 'notFound' });
    await expect(snapshots.prepare(ctx, { ...request, key: 'x', parent: 'a' })).rejects.toMatchObject({ kind: 'failedPrecondition' });
    writeFileSync(join(first.mounts[0]?.source ?? '', 'f'), 'x'.repeat(5000));
    await snapshots.commit(ctx, { ...request, name: 'A', key: 'a', parent: '', labels: { l: '1' } });
    await expect(snapshots.stat(ctx, { snapshotter: '', key: 'a' })).rejects.toMatchObject({ kind: 'notFound' });
    const view = await snapshots.view(ctx, { ...request, key: 'v', parent: 'A' });
    expect(view.mounts[0]).toMatchObject({ type: 'bind', options: ['ro', 'rbind'] });
    const second = await snapshots.prepare(ctx, { ...request, key: 'b', parent: 'A' });
    expect(second.mounts[0]?.options.map((option) => option.split('=')[0])).toEqual(
      expect.arrayContaining(['workdir', 'upperdir', 'lowerdir']),
    );
    await expect(snapshots.remove(ctx, { snapshotter: '', key: 'A' })).rejects.toMatchObject({ kind: 'failedPrecondition' });
    expect((await snapshots.usage(ctx, { snapshotter: '', key: 'A' })).size).toBeGreaterThan(5000n);
    expect((await snapshots.stat(ctx, { snapshotter: '', key: 'A' })).info).toMatchObject({ name: 'A', kind: 3, labels: { l: '1' } });
    for (const key of ['b', 'v', 'A']) await snapshots.remove(ctx, { snapshotter: '', key });
    await snapshots.cleanup(ctx, { snapshotter: '' });
    expect(engine.snapshotDirs()).toEqual([]);
  });

  test('a layer may be laid out before its parent is there', async () => {
    const request = { snapshotter: '', labels: {} };
    await engine.snapshots.prepare(ctx, { ...request, key: 'upper', parent: '' });
    await engine.snapshots.prepare(ctx, { ...request, key: 'lower', parent: '' });
    await engine.snapshots.commit(ctx, { ...request, name: 'L', key: 'lower', parent: '' });
    await engine.snapshots.commit(ctx, { ...request, name: 'U', key: 'upper', parent: 'L' });
    expect((await engine.snapshots.stat(ctx, { snapshotter: '', key: 'U' })).info?.parent).toBe('L');
  });
});

describe('leases and garbage collection', () => {
  test('what a lease holds stays, and goes with it', async () => {
    await engine.leases.create(ctx, { id: 'l', labels: {} });
    const leased = newContext({ lease: 'l' });
    const data = Buffer.from('leased');
    await write([{ ref: 'r', data, action: WriteAction.COMMIT }], leased);
    await engine.snapshots.prepare(leased, { snapshotter: '', key: 'k', parent: '', labels: {} });
    expect((await engine.leases.listResources(ctx, { id: 'l' })).resources).toEqual([
      { type: 'content', id: sha256(data) },
      { type: 'snapshots/overlayfs', id: 'k' },
    ]);
    await collect();
    expect([engine.blobFiles().length, engine.snapshotDirs().length]).toEqual([1, 1]);
    await engine.leases.delete(ctx, { id: 'l', sync: true });
    await engine.snapshots.cleanup(ctx, { snapshotter: '' });
    expect([engine.blobFiles(), engine.snapshotDirs()]).toEqual([[], []]);
  });

  test('an expired lease holds nothing; an unknown one fails the call', async () => {
    for (const [id, until] of [
      ['over', Date.now() - 1000],
      ['lasts', Date.now() + 3_600_000],
    ] as const) {
      await engine.leases.create(ctx, { id, labels: { 'containerd.io/gc.expire': new Date(until).toISOString() } });
      await write([{ ref: id, data: Buffer.from(id), action: WriteAction.COMMIT }], newContext({ lease: id }));
    }
    await collect();
    expect(engine.blobFiles()).toEqual([sha256('lasts').slice('sha256:'.length)]);
    await expect(
      engine.snapshots.prepare(newContext({ lease: 'nope' }), { snapshotter: '', key: 'k', parent: '', labels: {} }),
    ).rejects.toMatchObject({ kind: 'notFound' });
    expect(engine.snapshotDirs()).toEqual([]);
  });

  test('references by label and parent are followed', async () => {
    await engine.leases.create(ctx, { id: 'l', labels: {} });
    const leased = newContext({ lease: 'l' });
    const child = Buffer.from('child');
    const parent = Buffer.from('parent');
    await write([{ ref: 'c', data: child, action: WriteAction.COMMIT }], leased);
    await write(
      [{ ref: 'p', data: parent, action: WriteAction.COMMIT, labels: { 'containerd.io/gc.ref.content.0': sha256(child) } }],
      leased,
    );
    const target = { mediaType: 'x', digest: sha256(parent), size: 6n, annotations: {} };
    await engine.records.create(ctx, {
      image: { name: 'i', labels: {}, target, createdAt: undefined, updatedAt: undefined },
      sourceDateEpoch: undefined,
    });
    await engine.leases.delete(ctx, { id: 'l', sync: true });
    expect(engine.blobFiles()).toHaveLength(2);
    await engine.records.delete(ctx, { name: 'i', sync: true });
    expect(engine.blobFiles()).toEqual([]);
  });

  test('create races rmi and gc: a container that got its snapshot keeps it', async () => {
    const image = await dockerArchive(['a:1'], [[{ name: 'f', body: 'f' }]]);
    const chain = image.diffIds[0] ?? '';
    for (let round = 0; round < 15; round++) {
      await engine.load(image.archive);
      const lease = `container-${round}`;
      await engine.leases.create(ctx, { id: lease, labels: {} });
      const made = engine.snapshots.prepare(newContext({ lease }), { snapshotter: '', key: lease, parent: chain, labels: {} }).then(
        () => true,
        () => false,
      );
      await Promise.all([
        made,
        engine.images.remove(ctx, { ref: 'a:1', force: true, noPrune: false, uses: [], platforms: [] }),
        collect().catch(() => undefined),
      ]);
      if (await made) {
        const { mounts } = await engine.snapshots.mounts(ctx, { snapshotter: '', key: lease });
        const lower = /lowerdir=(.*)/.exec(mounts[0]?.options.at(-1) ?? '')?.[1] ?? '';
        expect(existsSync(join(lower, 'f'))).toBe(true);
      }
      await engine.leases.delete(ctx, { id: lease, sync: true });
    }
    await engine.snapshots.cleanup(ctx, { snapshotter: '' });
    expect(engine.snapshotDirs()).toEqual([]);
  });
});

describe('image records', () => {
  test('create, update with masks, filters, delete', async () => {
    const target = { mediaType: 'm', digest: sha256('x'), size: 1n, annotations: {} };
    const image = { name: 'n', labels: { a: '1' }, target, createdAt: undefined, updatedAt: undefined };
    await engine.records.create(ctx, { image, sourceDateEpoch: undefined });
    await expect(engine.records.create(ctx, { image, sourceDateEpoch: undefined })).rejects.toMatchObject({ kind: 'alreadyExists' });
    const updated = await engine.records.update(ctx, {
      image: { ...image, labels: { b: '2' }, target: { ...target, digest: sha256('y') } },
      updateMask: ['labels'],
      sourceDateEpoch: undefined,
    });
    expect(updated.image).toMatchObject({ labels: { b: '2' }, target: { digest: sha256('x') } });
    expect((await engine.records.list(ctx, { filters: ['name==n'] })).images).toHaveLength(1);
    expect((await engine.records.list(ctx, { filters: ['name==other', 'target.digest==nope'] })).images).toHaveLength(0);
    await engine.records.delete(ctx, { name: 'n', sync: true, target: undefined });
    await expect(engine.records.get(ctx, { name: 'n' })).rejects.toMatchObject({ kind: 'notFound' });
  });
});

const ctr = existsSync('/usr/bin/ctr');
if (!ctr) console.warn('skipped: ctr (package containerd) is not installed');
(ctr ? describe : describe.skip)('ctr', () => {
  // not execFileSync: the service runs in this process
  const run = async (...args: string[]): Promise<string> =>
    (await promisify(execFile)('ctr', ['-a', engine.socket, '-n', 'gantry', ...args])).stdout;

  test('sees, exports and imports images; reads content', async () => {
    const image = await dockerArchive(['a:1'], [[{ name: 'f', body: 'f' }]]);
    await engine.load(image.archive);
    const dir = mkdtempSync(join(tmpdir(), 'gi-ctr-'));
    try {
      const file = join(dir, 'e.tar');
      expect(await run('images', 'ls', '-q')).toBe('docker.io/library/a:1\n');
      expect(await run('content', 'get', image.configDigest)).toBe(image.config.toString());
      expect(await run('snapshots', 'ls')).toContain(image.diffIds[0]);
      await run('images', 'export', file, 'docker.io/library/a:1');
      await run('images', 'rm', '--sync', 'docker.io/library/a:1');
      expect(engine.blobFiles()).toEqual([]);
      await run('images', 'import', '--snapshotter', 'overlayfs', file);
      const { image: found } = await engine.images.resolve(ctx, { ref: 'a:1', platform: undefined });
      expect(found).toMatchObject({ id: image.id, repoTags: ['a:1'] });
      expect(readFileSync(file).length).toBeGreaterThan(0);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});

test('volumes: create, use, refuse, remove, prune', async () => {
  const { volumes } = engine;
  const made = await volumes.createVolume(ctx, { name: 'v1', driver: 'local', options: {}, labels: { a: 'b' } });
  expect(made).toMatchObject({ created: true, volume: { name: 'v1', mountpoint: join(dirname(engine.data), 'volumes/v1/_data') } });
  expect((await volumes.createVolume(ctx, { name: 'v1', driver: '', options: {}, labels: {} })).created).toBe(false);
  await volumes.addReference(ctx, { name: 'v1', containerId: 'c1', mount: true });
  await expect(volumes.removeVolume(ctx, { name: 'v1', force: true })).rejects.toMatchObject({
    kind: 'conflict',
    message: 'remove v1: volume is in use - [c1]',
  });
  await volumes.releaseReference(ctx, { name: 'v1', containerId: 'c1', keep: false });
  await volumes.removeVolume(ctx, { name: 'v1', force: false });
  await expect(volumes.removeVolume(ctx, { name: 'v1', force: false })).rejects.toMatchObject({
    kind: 'notFound',
    message: 'get v1: no such volume',
  });
  for (const name of ['../x', 'a/b', '.x'])
    await expect(volumes.createVolume(ctx, { name, driver: '', options: {}, labels: {} })).rejects.toMatchObject({
      kind: 'invalidArgument',
    });
  await expect(volumes.createVolume(ctx, { name: 'v2', driver: '', options: { sized: '1g' }, labels: {} })).rejects.toThrow(
    'invalid option: "sized"',
  );
  const anonymous = await volumes.createVolume(ctx, { name: '', driver: '', options: {}, labels: {} });
  // A container names its own before it makes them.
  await volumes.createVolume(ctx, { name: 'own', driver: '', options: {}, labels: { 'com.docker.volume.anonymous': '' } });
  expect((await volumes.pruneVolumes(ctx, { filters: {} })).names.sort()).toEqual([anonymous.volume?.name, 'own'].sort());
});

test('attack 36: an empty volume is filled from inside the image only', async () => {
  const image = await dockerArchive(
    ['a:1'],
    [
      [
        { name: 'data', type: 'directory', uid: 5, gid: 6, mode: 0o750 },
        { name: 'data/f', body: 'f', uid: 7 },
        { name: 'honest', type: 'symlink', linkname: '/data' },
        { name: 'evil', type: 'symlink', linkname: '../../../../../../../../etc' },
      ],
    ],
  );
  await engine.load(image.archive);
  await engine.snapshots.prepare(ctx, { snapshotter: '', key: 'c', parent: image.diffIds[0] ?? '', labels: {} });
  await engine.volumes.createVolume(ctx, { name: 'v1', driver: '', options: {}, labels: {} });
  const fill = async (path: string, volumeName = 'v1', subpath = '') =>
    (await engine.volumes.populate(ctx, { volumeName, snapshotKey: 'c', path, subpath })).copied;
  expect(await fill('/evil')).toBe(false);
  expect(await fill('/missing')).toBe(false);
  expect(await fill('/../../../../etc')).toBe(false);
  expect(await fill('/honest')).toBe(true);
  expect(await fill('/data')).toBe(false);
  const { volume } = await engine.volumes.getVolume(ctx, { name: 'v1' });
  expect(volume?.mountpoint).toBe(join(dirname(engine.data), 'volumes/v1/_data'));
  expect(execFileSync('find', [volume?.mountpoint ?? '', '-printf', '%P %m %U %G\n'], { encoding: 'utf8' })).toBe(' 750 5 6\nf 644 7 0\n');

  const part = (await engine.volumes.createVolume(ctx, { name: 'part', driver: '', options: {}, labels: {} })).volume?.mountpoint ?? '';
  mkdirSync(join(part, 'sub'));
  symlinkSync('../../../../../..', join(part, 'out'));
  expect(await fill('/data', 'part', 'missing')).toBe(false);
  expect(await fill('/data', 'part', 'sub')).toBe(true);
  expect(await fill('/data', 'part', 'out')).toBe(false); // the volume's own root, which is not empty
  expect(execFileSync('find', [part, '-mindepth', '1', '-printf', '%P %U\\n'], { encoding: 'utf8' }).split('\n').sort()).toEqual([
    '',
    'out 0',
    'sub 5',
    'sub/f 7',
  ]);
});

test('usage counts what is on the disk, the root too; a diff names its root only where there is something to say of it', async () => {
  const image = await dockerArchive(
    ['a:1'],
    [
      [
        { name: 'd', type: 'directory' },
        { name: 'd/f', body: 'x'.repeat(5000) },
        { name: 'd/hard', type: 'link', linkname: 'd/f' },
      ],
    ],
  );
  await engine.load(image.archive);
  const chain = image.diffIds[0] ?? '';
  const usage = await engine.snapshots.usage(ctx, { snapshotter: '', key: chain });
  expect([usage.inodes, usage.size >= 8192n, usage.size % 512n]).toEqual([3n, true, 0n]);
  const listing = async (change: (root: string) => void): Promise<string[]> => {
    const { mounts } = await engine.snapshots.prepare(ctx, { snapshotter: '', key: 'k', parent: chain, labels: {} });
    const left = await engine.snapshots.view(ctx, { snapshotter: '', key: 'l', parent: chain, labels: {} });
    await mounted(mounts, change);
    const made = await engine.diff.diff(ctx, {
      left: left.mounts,
      right: mounts,
      mediaType: '',
      ref: '',
      labels: {},
      sourceDateEpoch: undefined,
    });
    for (const key of ['k', 'l']) await engine.snapshots.remove(ctx, { snapshotter: '', key });
    return execFileSync('tar', ['-t'], { input: await read(made.diff?.digest ?? ''), encoding: 'utf8' })
      .split('\n')
      .filter(Boolean);
  };
  expect(await listing((root) => writeFileSync(join(root, 'new'), ''))).toEqual(['new']);
  expect(await listing((root) => chmodSync(root, 0o700))).toEqual(['./']);
});

test('diff: a layer is applied and made again', async () => {
  const layer = await tarOf([
    { name: 'f', body: 'f' },
    { name: '.wh.gone', body: '' },
  ]);
  await write([{ ref: 'r', data: layer, action: WriteAction.COMMIT }]);
  const { mounts } = await engine.snapshots.prepare(ctx, { snapshotter: '', key: 'k', parent: '', labels: {} });
  const descriptor = {
    mediaType: 'application/vnd.oci.image.layer.v1.tar',
    digest: sha256(layer),
    size: BigInt(layer.length),
    annotations: {},
  };
  const { applied } = await engine.diff.apply(ctx, { diff: descriptor, mounts, payloads: {}, syncFs: false });
  expect(applied?.digest).toBe(sha256(layer));
  expect(readFileSync(join(mounts[0]?.source ?? '', 'f'), 'utf8')).toBe('f');
  expect(readdirSync(mounts[0]?.source ?? '')).toEqual(['f']);
  const made = await engine.diff.diff(ctx, {
    left: [],
    right: mounts,
    mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
    ref: 'made',
    labels: {},
    sourceDateEpoch: undefined,
  });
  expect((await engine.content.info(ctx, { digest: made.diff?.digest ?? '' })).info?.labels['containerd.io/uncompressed']).toMatch(
    /^sha256:/,
  );
  const elsewhere = [{ type: 'bind', source: tmpdir(), target: '', options: ['rw', 'rbind'] }];
  await expect(engine.diff.apply(ctx, { diff: descriptor, mounts: elsewhere, payloads: {}, syncFs: false })).rejects.toMatchObject({
    kind: 'invalidArgument',
  });
});

test('a synchronous deletion of a lease collects what was made without one, however young', async () => {
  const data = Buffer.from('unleased');
  await write([{ ref: 'r', data, action: WriteAction.COMMIT }]);
  await engine.snapshots.prepare(ctx, { snapshotter: '', key: 'k', parent: '', labels: {} });
  await engine.snapshots.commit(ctx, { snapshotter: '', key: 'k', name: 'unleased', parent: '', labels: {} });
  await engine.leases.create(ctx, { id: 'l', labels: {} });
  await engine.leases.delete(ctx, { id: 'l', sync: true });
  await expect(engine.content.info(ctx, { digest: sha256(data) })).rejects.toMatchObject({ kind: 'notFound' });
  await expect(engine.snapshots.stat(ctx, { snapshotter: '', key: 'unleased' })).rejects.toMatchObject({ kind: 'notFound' });
});

describe('as the proxy snapshotter of a containerd', () => {
  const at = { snapshotter: 'gantry', labels: {} };
  const names = async (snapshotter: string, context = ctx): Promise<string[]> => {
    const found: string[] = [];
    for await (const { info } of engine.snapshots.list(context, { snapshotter, filters: [] })) found.push(...info.map(({ name }) => name));
    return found.sort();
  };

  test('a name that is not ours means the default snapshotter, with snapshots that only that name sees, whatever the namespace and lease', async () => {
    const theirs = newContext({ namespace: 'k8s.io', lease: 'of their store' });
    const { mounts } = await engine.snapshots.prepare(theirs, { ...at, key: 'k8s.io/1/new', parent: '' });
    expect(mounts).toEqual([
      { type: 'bind', source: expect.stringContaining('/snapshots/') as string, target: '', options: ['rw', 'rbind'] },
    ]);
    await engine.snapshots.commit(theirs, { ...at, key: 'k8s.io/1/new', name: 'k8s.io/2/base', parent: '' });
    await engine.snapshots.prepare(ctx, { snapshotter: '', key: 'docker', parent: '', labels: {} });
    expect(await names('gantry', newContext())).toEqual(['k8s.io/2/base']); // its garbage collection asks without a namespace
    expect(await names('', theirs)).toEqual([]);
    expect(await names('')).toEqual(['docker']);
    expect(await names('other')).toEqual([]);
    await collect();
    expect(await names('gantry')).toEqual(['k8s.io/2/base']);
    await engine.restart();
    const { mounts: again } = await engine.snapshots.view(theirs, { ...at, key: 'k8s.io/3/v', parent: 'k8s.io/2/base' });
    expect(again[0]?.options).toContain('ro');
    for (const key of ['k8s.io/3/v', 'k8s.io/2/base']) await engine.snapshots.remove(newContext(), { snapshotter: 'gantry', key });
    expect(await names('gantry')).toEqual([]);
  });

  test("a client of the engine's own face is told that there is no such snapshotter", async () => {
    const face = createServer({ logger: silentLogger });
    const [behind, front] = [connect(engine.socket), connect(join(engine.dir, 'face.sock'))];
    try {
      forwardService(face, SnapshotsService, behind, 'containerd');
      await face.listen(front.socketPath);
      await expect(front.client(SnapshotsService).stat(ctx, { snapshotter: 'zfs', key: 'a' })).rejects.toMatchObject({
        kind: 'invalidArgument',
        message: 'snapshotter not loaded: zfs',
      });
    } finally {
      front.close();
      await face.stop(100);
      behind.close();
    }
  });

  test('a name that no plugin could have is refused', async () => {
    await expect(engine.snapshots.prepare(ctx, { ...at, snapshotter: 'a/b', key: 'k', parent: '' })).rejects.toMatchObject({
      kind: 'invalidArgument',
      message: 'snapshotter not loaded: a/b',
    });
  });
});
