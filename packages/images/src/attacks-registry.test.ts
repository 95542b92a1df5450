import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmdirSync, statfsSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { mediaTypes } from '@gantry/oci';
import { newContext } from '@gantry/rpc';
import { digestOf, MemoryRegistry, type MemoryRegistryOptions } from '@gantry/registry/testing';
import { type TestEngine, startEngine } from './testing/engine';
import { tarOf, type TestEntry } from './testing/tar';

/** Attacks of images and registries, performed by a registry on a pull. */
const ctx = newContext();
const outside = Object.values(networkInterfaces())
  .flatMap((each) => each ?? [])
  .find(({ internal, family }) => !internal && family === 'IPv4')?.address;
let engine: TestEngine;
const registries: MemoryRegistry[] = [];

beforeEach(async () => {
  engine = await startEngine();
});
afterEach(async () => {
  await engine.stop();
  for (const registry of registries.splice(0)) await registry.stop();
});

async function registry(options: MemoryRegistryOptions = {}): Promise<MemoryRegistry> {
  const made = await MemoryRegistry.start(options);
  registries.push(made);
  return made;
}
const pull = async (ref: string): Promise<string> => {
  let id = '';
  for await (const answer of engine.images.pull(ctx, { ref, allTags: false, platform: undefined, auth: undefined }))
    if (answer.imageId !== '') id = answer.imageId;
  return id;
};
const images = async (): Promise<string[]> =>
  (await engine.images.list(ctx, { all: true, filters: {}, sharedSize: false })).images.map(({ id }) => id);
const collect = async (): Promise<void> => {
  await engine.leases.create(ctx, { id: 'gc', labels: {} });
  await engine.leases.delete(ctx, { id: 'gc', sync: true });
  await engine.snapshots.cleanup(ctx, { snapshotter: '' });
};
async function nothingLeft(): Promise<void> {
  expect(await images()).toEqual([]);
  await collect();
  expect(engine.snapshotDirs()).toEqual([]);
}
const one = (
  server: MemoryRegistry,
  blob: Buffer,
  change: { diffId?: string; mediaType?: string; config?: object; manifest?: object } = {},
) =>
  server.image(
    'a',
    '1',
    [{ blob, diffId: change.diffId ?? digestOf(blob), ...(change.mediaType === undefined ? {} : { mediaType: change.mediaType }) }],
    change,
  );

describe('attack 27: a layer that reaches outside', () => {
  const victim = '/tmp/gantry-attack-27';
  const layers: Record<string, TestEntry[]> = {
    'a name with ..': [{ name: '../../../../../../tmp/gantry-attack-27', body: 'x' }],
    'an absolute name': [{ name: victim, body: 'x' }],
    'a write through a symbolic link': [
      { name: 'link', type: 'symlink', linkname: '/tmp' },
      { name: 'link/gantry-attack-27', body: 'x' },
    ],
    'a hard link to the outside': [
      { name: 'passwd', type: 'link', linkname: '../../../../../../etc/passwd' },
      { name: 'passwd', body: 'x' },
    ],
  };
  test.each(Object.keys(layers))('%s', async (kind) => {
    const before = execFileSync('sha256sum', ['/etc/passwd']).toString();
    const server = await registry();
    one(server, await tarOf(layers[kind] ?? []));
    const outcome = await pull(`${server.host}/a:1`).then(
      () => 'inside',
      () => 'refused',
    );
    expect(existsSync(victim)).toBe(false);
    expect(execFileSync('sha256sum', ['/etc/passwd']).toString()).toBe(before);
    if (outcome === 'refused') await nothingLeft();
  });
});

test('attack 28: layers that are broken in every header: an error each, nothing left, the service answers', async () => {
  const honest = await tarOf([
    { name: 'dir', type: 'directory' },
    { name: 'dir/f', body: 'x'.repeat(2000) },
    { name: 'n', type: 'character-device', devmajor: 1, devminor: 3 },
  ]);
  const server = await registry();
  let refused = 0;
  for (let at = 0; at < 512; at += 16) {
    const broken = Buffer.from(honest);
    for (let header = 0; header < honest.length; header += 512)
      if (broken.subarray(header + 257, header + 262).toString() === 'ustar') broken.fill(0xff, header + at, header + at + 16);
    one(server, broken);
    await pull(`${server.host}/a:1`).catch(() => refused++);
  }
  expect(refused).toBe(32);
  await nothingLeft();
}, 180_000);

test('attack 28: a layer that ends in the middle, and one that is no archive', async () => {
  const server = await registry();
  const layer = await tarOf([{ name: 'f', body: 'x'.repeat(5000) }]);
  for (const blob of [layer.subarray(0, 3000), gzipSync(layer).subarray(0, 40), Buffer.from('not a tar'.repeat(200))]) {
    one(server, blob);
    await expect(pull(`${server.host}/a:1`)).rejects.toThrow();
  }
  await nothingLeft();
});

describe('attack 29: bombs', () => {
  const zeros = (): Promise<Buffer> => tarOf([{ name: 'zeros', body: Buffer.alloc(40 << 20) }]);
  test.each([
    ['gzip', gzipSync, mediaTypes.ociLayerGzip],
    ['zstd', zstdCompressSync, mediaTypes.ociLayerZstd],
  ] as const)('%s: the budget of bytes; the space is given back', async (_name, squeeze, mediaType) => {
    await engine.stop();
    engine = await startEngine({ 'max-layer-bytes': 4 << 20 });
    const tar = await zeros();
    const server = await registry();
    one(server, squeeze(tar), { diffId: digestOf(tar), mediaType });
    await expect(pull(`${server.host}/a:1`)).rejects.toMatchObject({ kind: 'resourceExhausted' });
    await nothingLeft();
    expect(engine.blobFiles()).toEqual([]);
  });

  test('many tiny files: the budget of entries', async () => {
    await engine.stop();
    engine = await startEngine({ 'max-layer-entries': 500 });
    const server = await registry();
    one(server, await tarOf(Array.from({ length: 600 }, (_, at) => ({ name: `f${at}` }))));
    await expect(pull(`${server.host}/a:1`)).rejects.toMatchObject({ kind: 'resourceExhausted' });
    await nothingLeft();
  });

  test('an image of a thousand platforms inside each other, and of itself', async () => {
    const server = await registry();
    const entry = {
      mediaType: mediaTypes.ociIndex,
      digest: `sha256:${'0'.repeat(64)}`,
      size: 1,
      platform: { os: 'linux', architecture: process.arch === 'arm64' ? 'arm64' : 'amd64' },
    };
    const inner = server.manifest('a', { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [entry] });
    server.manifest(
      'a',
      { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [{ ...entry, digest: inner.digest, size: inner.size }] },
      '1',
    );
    await expect(pull(`${server.host}/a:1`)).rejects.toThrow();
    await nothingLeft();
  });
});

test('attack 30: a giant manifest, a giant configuration, a giant answer of the token service', async () => {
  const big = await registry({
    fault: (request, response) => (request.url ?? '').includes('/manifests/') && response.end(Buffer.alloc(5 << 20, ' ')) !== undefined,
  });
  await expect(pull(`${big.host}/a:1`)).rejects.toThrow(/larger than 4194304 bytes/);
  const server = await registry();
  server.manifest(
    'a',
    {
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: { mediaType: mediaTypes.ociConfig, digest: `sha256:${'1'.repeat(64)}`, size: 5 << 20 },
      layers: [],
    },
    '1',
  );
  await expect(pull(`${server.host}/a:1`)).rejects.toMatchObject({ kind: 'resourceExhausted' });
  let host = '';
  const tokens = await registry({
    guard: (request, response) =>
      (request.url?.startsWith('/token') === true
        ? response.end(Buffer.alloc(2 << 20, ' '))
        : response.writeHead(401, { 'WWW-Authenticate': `Bearer realm="http://${host}/token"` }).end()) !== undefined,
  });
  ({ host } = tokens);
  await expect(pull(`${host}/a:1`)).rejects.toThrow(/larger than 1048576 bytes/);
});

const beyond = outside === undefined ? ' [needs an address that is not on loopback]' : '';
(outside === undefined ? describe.skip : describe)(`attack 32: a registry that leads into this machine${beyond}`, () => {
  test.each([
    'http://169.254.169.254/latest/meta-data/',
    'http://[fe80::1]/x',
    'http://127.0.0.1:1/x',
    'http://localhost:1/x',
    'http://[::ffff:169.254.169.254]/x',
    'http://0.0.0.0:1/x',
    'http://[fd00:ec2::254]/x',
    'http://2852039166/x',
  ])('a redirect to %s', async (location) => {
    await engine.stop();
    engine = await startEngine({ 'insecure-registries': [outside ?? ''] });
    const layer = await tarOf([{ name: 'f', body: 'x' }]);
    const server = await registry({
      address: outside ?? '',
      fault: (request, response) =>
        (request.url ?? '').includes('/blobs/') && response.writeHead(307, { Location: location }).end() !== undefined,
    });
    one(server, layer);
    await expect(pull(`${server.host}/a:1`)).rejects.toMatchObject({
      kind: 'forbidden',
      message: expect.stringMatching(/redirect to .* refused/) as string,
    });
    await nothingLeft();
  });

  test('a token service there', async () => {
    await engine.stop();
    engine = await startEngine({ 'insecure-registries': [outside ?? ''] });
    const server = await registry({
      address: outside ?? '',
      guard: (_request, response) =>
        response.writeHead(401, { 'WWW-Authenticate': 'Bearer realm="http://169.254.169.254/token"' }).end() !== undefined,
    });
    await expect(pull(`${server.host}/a:1`)).rejects.toMatchObject({ message: expect.stringMatching(/refused/) as string });
  });
});

test('attack 33: addresses in a layer are not asked', async () => {
  const layer = await tarOf([{ name: 'f', body: 'x' }]);
  const elsewhere = await registry();
  const server = await registry();
  const config = server.image('b', '', [{ blob: layer, diffId: digestOf(layer) }]);
  const manifest = JSON.parse(server.manifests.get(`b ${config.digest}`)?.bytes.toString() ?? '') as { layers: object[] };
  const made = server.manifest(
    'a',
    { ...manifest, layers: manifest.layers.map((each) => ({ ...each, urls: [`http://${elsewhere.host}/steal`] })) },
    '1',
  );
  expect(await pull(`${server.host}/a:1`)).toBe(made.digest);
  expect(elsewhere.seen).toEqual([]);
});

test('attack 34: while a layer does not come, everything else goes on', async () => {
  const layer = await tarOf([{ name: 'slow', body: 'x'.repeat(100_000) }]);
  let asked: () => void = () => undefined;
  const waiting = new Promise<void>((resolve) => (asked = resolve));
  const stuck = await registry({
    fault: (request, response) => {
      if (!(request.url ?? '').endsWith(digestOf(layer))) return false;
      response.writeHead(200, { 'Content-Length': layer.length });
      response.write(layer.subarray(0, 1000));
      asked();
      return true;
    },
  });
  one(stuck, layer);
  const abort = new AbortController();
  const hanging = (async () => {
    for await (const answer of engine.images.pull(newContext({ signal: abort.signal }), {
      ref: `${stuck.host}/a:1`,
      allTags: false,
      platform: undefined,
      auth: undefined,
    }))
      expect(answer).toBeDefined();
  })().catch((error: Error) => error);
  await waiting;
  const server = await registry();
  const other = one(server, await tarOf([{ name: 'quick', body: 'y' }]));
  const began = performance.now();
  expect(await pull(`${server.host}/a:1`)).toBe(other.id);
  await engine.images.tag(ctx, { source: `${server.host}/a:1`, target: 'mine:1' });
  await engine.images.remove(ctx, { ref: 'mine:1', force: false, noPrune: false, uses: [], platforms: [] });
  await engine.snapshots.prepare(ctx, { snapshotter: '', key: 'k', parent: '', labels: {} });
  await engine.snapshots.remove(ctx, { snapshotter: '', key: 'k' });
  await collect();
  expect(performance.now() - began).toBeLessThan(60_000);
  abort.abort();
  expect(await hanging).toBeInstanceOf(Error);
});

test('attack 35: labels and annotations of an image do not become control data', async () => {
  const reserved = {
    'containerd.io/gc.root': 'now',
    'containerd.io/gc.ref.content.0': `sha256:${'2'.repeat(64)}`,
    'gantry.io/container': 'x',
    'gantry.io/subject': `sha256:${'3'.repeat(64)}`,
    'gantry.io/repo-digest': `sha256:${'4'.repeat(64)}`,
    'containerd.io/distribution.source.docker.io': '../../etc',
  };
  const server = await registry();
  const layer = await tarOf([{ name: 'f', body: 'x' }]);
  const image = one(server, layer, { config: { config: { Labels: reserved } }, manifest: { annotations: reserved } });
  await pull(`${server.host}/a:1`);
  const labels: string[] = [];
  for await (const { info } of engine.content.list(ctx, { filters: [] }))
    labels.push(...info.flatMap((each) => Object.entries(each.labels).map(([name, value]) => `${name}=${value}`)));
  for (const { labels: own } of (await engine.records.list(ctx, { filters: [] })).images)
    labels.push(...Object.entries(own).map(([name, value]) => `${name}=${value}`));
  for (const [name, value] of Object.entries(reserved)) expect(labels).not.toContain(`${name}=${value}`);
  expect((await engine.images.resolve(ctx, { ref: image.id, platform: undefined })).image?.labels).toEqual(reserved);
  await engine.images.remove(ctx, { ref: `${server.host}/a:1`, force: false, noPrune: false, uses: [], platforms: [] });
  await nothingLeft();
  expect(engine.blobFiles()).toEqual([]);
});

test.each([
  'application/vnd.oci.image.layer.v1.erofs',
  'application/vnd.oci.image.layer.v1.squashfs',
  'application/vnd.docker.image.rootfs.diff.ext4',
])('attack 39: a layer that the kernel would read as a file system (%s) is refused', async (mediaType) => {
  const server = await registry();
  const disk = Buffer.alloc(8192);
  disk.writeUInt32LE(0xe0f5e1e2, 1024);
  one(server, disk, { mediaType });
  await expect(pull(`${server.host}/a:1`)).rejects.toMatchObject({
    kind: 'notImplemented',
    message: expect.stringContaining(mediaType) as string,
  });
  await nothingLeft();
  // Under an honest name: zeros at the start end an archive, so the layer is empty; nothing of what follows is read.
  const image = one(server, disk);
  expect(await pull(`${server.host}/a:1`)).toBe(image.id);
  const { chainId = '' } = (await engine.images.resolve(ctx, { ref: image.id, platform: undefined })).image ?? {};
  expect(await engine.snapshots.usage(ctx, { snapshotter: '', key: chainId })).toMatchObject({ inodes: 1n });
});

describe('attack 55: no room', () => {
  const mount = (...args: string[]): boolean => {
    try {
      execFileSync('mount', args, { stdio: 'pipe' });
      return true;
    } catch {
      return false;
    }
  };
  test('a pull that does not fit says so, leaves nothing, and a smaller one works', async () => {
    const disk = mkdtempSync(join(tmpdir(), 'gi-full-'));
    if (!mount('-t', 'tmpfs', '-o', 'size=48m', 'tmpfs', disk)) {
      console.warn('skipped: no right to mount');
      rmdirSync(disk);
      return;
    }
    try {
      await engine.stop();
      engine = await startEngine({}, disk);
      const server = await registry();
      const big = await tarOf([{ name: 'big', body: Buffer.alloc(60 << 20, 'x') }]);
      one(server, big);
      const free = (): number => statfsSync(disk).bavail * statfsSync(disk).bsize;
      const room = free();
      await expect(pull(`${server.host}/a:1`)).rejects.toMatchObject({
        message: expect.stringMatching(/no space left|no room|budget|ENOSPC|more than/i) as string,
      });
      await nothingLeft();
      for (const { ref } of (await engine.content.listStatuses(ctx, { filters: [] })).statuses) await engine.content.abort(ctx, { ref });
      expect(readdirSync(join(engine.data, 'content/ingest'))).toEqual([]);
      expect(free()).toBeGreaterThan(room - (2 << 20));
      const small = one(server, await tarOf([{ name: 'small', body: 'y' }]));
      expect(await pull(`${server.host}/a:1`)).toBe(small.id);
    } finally {
      await engine.stop();
      execFileSync('umount', [disk]);
      rmdirSync(disk);
      engine = await startEngine();
    }
  }, 180_000);
});
