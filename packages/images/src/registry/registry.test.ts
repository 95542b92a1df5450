import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import type { PullResponse } from '@gantry/api/gantry/images/v1/images';
import { mediaTypes, sha256 } from '@gantry/oci';
import { newContext } from '@gantry/rpc';
import { type TestEngine, startEngine } from '../testing/engine';
import { fakeRegistry, hasRegistry, REGISTRY_BINARY, startRegistry } from '../testing/registry';
import { dockerArchive, tarOf } from '../testing/tar';

const ctx = newContext();
const auth = (username: string, password: string) => ({ username, password, identityToken: '', registryToken: '', serverAddress: '' });
let engine: TestEngine;

beforeEach(async () => {
  engine = await startEngine();
});
afterEach(() => engine.stop());

async function pull(ref: string, credentials?: ReturnType<typeof auth>, context = ctx): Promise<PullResponse[]> {
  const answers: PullResponse[] = [];
  for await (const answer of engine.images.pull(context, { ref, allTags: false, platform: undefined, auth: credentials }))
    answers.push(answer);
  return answers;
}

const statuses = (answers: readonly { progress?: { id: string; status: string } | undefined }[]): string[] =>
  answers.flatMap(({ progress }) => (progress === undefined ? [] : [`${progress.id} ${progress.status}`.trim()]));
const push = async (ref: string): Promise<string[]> => {
  const answers = [];
  for await (const answer of engine.images.push(ctx, { ref, allTags: false, auth: undefined, platform: undefined })) answers.push(answer);
  return statuses(answers);
};
const remove = (ref: string) => engine.images.remove(ctx, { ref, force: true, noPrune: false, uses: [], platforms: [] });

if (!hasRegistry) console.warn(`skipped: ${REGISTRY_BINARY} is not installed`);
(hasRegistry ? describe : describe.skip)('docker-registry', () => {
  test.each(['overlayfs', 'copy'])('a first pull of layers that another namespace has, on %s', async (snapshotter) => {
    const registry = await startRegistry();
    const own = await startEngine({ snapshotter });
    try {
      const other = newContext({ namespace: 'other' });
      const image = await dockerArchive([`${registry.host}/a:1`], [[{ name: 'f', body: 'x' }], [{ name: 'g', body: 'y' }]], { gzip: true });
      await own.load(image.archive, other);
      const request = { ref: `${registry.host}/a:1`, allTags: false, auth: undefined, platform: undefined };
      for await (const _line of own.images.push(other, request));
      let imageId = '';
      for await (const answer of own.images.pull(ctx, request)) imageId ||= answer.imageId;
      expect(imageId).toMatch(/^sha256:/);
      expect((await own.images.resolve(ctx, { ref: imageId, platform: undefined })).image?.configDigest).toBe(image.configDigest);
      const { info } = await own.content.info(ctx, { digest: sha256(image.layers[0] ?? '') });
      expect(info?.labels).toMatchObject({
        'containerd.io/uncompressed': image.diffIds[0],
        'containerd.io/distribution.source.127.0.0.1': 'a',
      });
    } finally {
      await own.stop();
      await registry.stop();
    }
  });

  test('push, remove, pull: the same image; a second push sends nothing, another repository mounts', async () => {
    const registry = await startRegistry();
    try {
      const image = await dockerArchive(['a:1'], [[{ name: 'f', body: 'x'.repeat(100_000) }], [{ name: 'g', body: 'y' }]]);
      await engine.load(image.archive);
      const name = `${registry.host}/team/a:1`;
      await engine.images.tag(ctx, { source: 'a:1', target: name });
      const pushed = await push(name);
      expect(pushed[0]).toBe(`The push refers to repository [${registry.host}/team/a]`);
      const digest = /^1: digest: (sha256:[0-9a-f]{64}) size: \d+$/.exec(pushed.at(-2) ?? '')?.[1];
      expect(digest).toBeDefined();
      expect((await push(name)).filter((line) => line.endsWith('Layer already exists'))).toHaveLength(2);
      await engine.images.tag(ctx, { source: 'a:1', target: `${registry.host}/other/a:1` });
      expect((await push(`${registry.host}/other/a:1`)).filter((line) => line.endsWith('Mounted from team/a'))).toHaveLength(2);

      for (const ref of ['a:1', name, `${registry.host}/other/a:1`]) await remove(ref);
      expect(engine.blobFiles()).toEqual([]);
      const lines = statuses(await pull(name));
      expect(lines[0]).toBe('1 Pulling from team/a');
      expect(lines.slice(-2)).toEqual([`Digest: ${digest ?? ''}`, `Status: Downloaded newer image for ${name}`]);
      expect(statuses(await pull(name)).at(-1)).toBe(`Status: Image is up to date for ${name}`);
      const found = (await engine.images.resolve(ctx, { ref: `${registry.host}/team/a@${digest ?? ''}`, platform: undefined })).image;
      expect(found).toMatchObject({
        id: digest,
        configDigest: image.configDigest,
        repoTags: [name],
        repoDigests: [`${registry.host}/team/a@${digest ?? ''}`],
      });
      await expect(pull(`${registry.host}/team/a:2`)).rejects.toMatchObject({
        kind: 'notFound',
        message: `manifest for ${registry.host}/team/a:2 not found: manifest unknown: manifest unknown`,
      });
    } finally {
      await registry.stop();
    }
  });
});

/** A registry that serves one image, counting what is fetched. */
async function serve(options: {
  layers: readonly Buffer[];
  change?: (
    path: string,
    response: Parameters<Parameters<typeof fakeRegistry>[0]>[1],
    request: Parameters<Parameters<typeof fakeRegistry>[0]>[0],
  ) => boolean;
  tar?: readonly Buffer[];
}) {
  const tars = options.tar ?? options.layers;
  const config = Buffer.from(
    JSON.stringify({
      architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
      os: 'linux',
      rootfs: { type: 'layers', diff_ids: tars.map((layer) => sha256(layer)) },
    }),
  );
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: { mediaType: mediaTypes.ociConfig, digest: sha256(config), size: config.length },
      layers: options.layers.map((layer) => ({ mediaType: mediaTypes.ociLayer, digest: sha256(layer), size: layer.length })),
    }),
  );
  const blobs = new Map([config, ...options.layers].map((blob) => [sha256(blob) as string, blob]));
  const registry = await fakeRegistry((request, response) => {
    const path = request.url ?? '';
    if (options.change?.(path, response, request) === true) return;
    const blob = blobs.get(path.split('/').at(-1) ?? '');
    if (path.includes('/manifests/')) response.setHeader('Content-Type', mediaTypes.ociManifest).end(manifest);
    else if (blob === undefined) response.writeHead(404).end();
    else {
      const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
      response.writeHead(from > 0 ? 206 : 200, { 'Content-Length': blob.length - from }).end(blob.subarray(from));
    }
  });
  return {
    ...registry,
    manifest,
    id: sha256(manifest),
    fetched: (digest: string) => registry.seen.filter(({ url, method }) => method === 'GET' && url?.includes(digest) === true).length,
  };
}

describe('a hostile or broken registry', () => {
  const layerOf = (text: string): Promise<Buffer> => tarOf([{ name: 'f', body: text }]);
  const nothingLeft = async (): Promise<void> => {
    expect((await engine.images.list(ctx, { all: true, filters: {}, sharedSize: false })).images).toEqual([]);
    await engine.snapshots.cleanup(ctx, { snapshotter: '' });
    expect(engine.snapshotDirs()).toEqual([]);
  };

  test('attack 32: other bytes than the digest says', async () => {
    const layer = await layerOf('honest');
    const registry = await serve({
      layers: [layer],
      change: (path, response) => path.endsWith(sha256(layer)) && response.end(Buffer.alloc(layer.length)) !== undefined,
    });
    await expect(pull(`${registry.host}/a:1`)).rejects.toMatchObject({ kind: 'dataLoss' });
    await nothingLeft();
    await registry.stop();
  });

  test('attack 32: more bytes than the size says', async () => {
    const layer = await layerOf('honest');
    const registry = await serve({
      layers: [layer],
      change: (path, response) => path.endsWith(sha256(layer)) && response.end(Buffer.alloc(layer.length * 3)) !== undefined,
    });
    await expect(pull(`${registry.host}/a:1`)).rejects.toThrow(/longer than its/);
    await nothingLeft();
    await registry.stop();
  });

  test('a connection that breaks is taken up where it broke', async () => {
    const layer = await layerOf('x'.repeat(200_000));
    let broken = 0;
    const registry = await serve({
      layers: [layer],
      change: (path, response, request) => {
        if (!path.endsWith(sha256(layer)) || request.headers.range !== undefined || broken++ > 0) return false;
        response.writeHead(200, { 'Content-Length': layer.length });
        response.write(layer.subarray(0, 50_000), () => setTimeout(() => response.destroy(), 20));
        return true;
      },
    });
    const answers = await pull(`${registry.host}/a:1`);
    expect(answers.at(-1)?.imageId).toBe(registry.id);
    expect(registry.seen.some(({ headers }) => headers.range === 'bytes=50000-')).toBe(true);
    await registry.stop();
  });

  test('attack 30: a manifest larger than 4 MiB', async () => {
    const registry = await fakeRegistry((_request, response) => response.end(Buffer.alloc(5 << 20, ' ')));
    await expect(pull(`${registry.host}/a:1`)).rejects.toThrow(/larger than 4194304 bytes/);
    await registry.stop();
  });

  test('attack 31: a manifest that is also an index', async () => {
    const body = JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, config: {}, layers: [], manifests: [] });
    const registry = await fakeRegistry((_request, response) => response.setHeader('Content-Type', mediaTypes.ociManifest).end(body));
    await expect(pull(`${registry.host}/a:1`)).rejects.toThrow(/manifest and an index at once/);
    await registry.stop();
  });

  test('schema 1 is refused by name', async () => {
    const registry = await fakeRegistry((_request, response) => response.end(JSON.stringify({ schemaVersion: 1, fsLayers: [] })));
    await expect(pull(`${registry.host}/a:1`)).rejects.toMatchObject({
      kind: 'notImplemented',
      message: expect.stringContaining('schema version 1') as string,
    });
    await registry.stop();
  });

  test('attack 33: credentials are not sent along with a redirect', async () => {
    const layer = await layerOf('x');
    const storage = await fakeRegistry((_request, response) => response.end(layer));
    const registry = await serve({
      layers: [layer],
      change: (path, response, request) => {
        if (request.headers.authorization === undefined) {
          response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="x"' }).end();
          return true;
        }
        if (!path.endsWith(sha256(layer))) return false;
        response.writeHead(307, { Location: `http://${storage.host}/blob` }).end();
        return true;
      },
    });
    await pull(`${registry.host}/a:1`, auth('me', 'secret'));
    expect(registry.seen.some(({ headers }) => headers.authorization === `Basic ${Buffer.from('me:secret').toString('base64')}`)).toBe(
      true,
    );
    expect(storage.seen).toHaveLength(1);
    expect(storage.seen[0]?.headers.authorization).toBeUndefined();
    await registry.stop();
    await storage.stop();
  });

  test('token authentication: the token service gets the credentials, the registry the token', async () => {
    const layer = await layerOf('x');
    const tokens = await fakeRegistry((_request, response) => response.end(JSON.stringify({ token: 't0k3n' })));
    const registry = await serve({
      layers: [layer],
      change: (_path, response, request) => {
        if (request.headers.authorization === 'Bearer t0k3n') return false;
        response.writeHead(401, { 'WWW-Authenticate': `Bearer realm="http://${tokens.host}/token",service="reg",scope="x"` }).end();
        return true;
      },
    });
    await pull(`${registry.host}/a:1`, auth('me', 'secret'));
    expect(tokens.seen[0]?.url).toContain('scope=repository%3Aa%3Apull');
    expect(registry.seen.every(({ headers }) => headers.authorization?.startsWith('Basic') !== true)).toBe(true);
    await Promise.all([registry.stop(), tokens.stop()]);
  });

  test("attack 33: refused credentials are docker's error", async () => {
    const registry = await fakeRegistry((_request, response) => response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="x"' }).end());
    await expect(pull(`${registry.host}/a:1`)).rejects.toThrow(
      `pull access denied for ${registry.host}/a, repository does not exist or may require 'docker login'`,
    );
    await registry.stop();
  });

  test('attack 29: a gzip bomb hits the budget', async () => {
    await engine.stop();
    engine = await startEngine({ 'max-layer-bytes': 1 << 20 });
    const tar = await tarOf([{ name: 'zeros', body: Buffer.alloc(8 << 20) }]);
    const registry = await serve({ layers: [gzipSync(tar)], tar: [tar] });
    await expect(pull(`${registry.host}/a:1`)).rejects.toMatchObject({ kind: 'resourceExhausted' });
    await nothingLeft();
    await registry.stop();
  });

  test('nobody listens', async () => {
    await expect(pull('127.0.0.1:1/a:1')).rejects.toMatchObject({
      kind: 'unavailable',
      message: expect.stringContaining('connection refused') as string,
    });
  });
});

test('twenty pulls at once download each blob once', async () => {
  const shared = await tarOf([{ name: 'shared', body: createHash('sha256').update('x').digest('hex').repeat(2000) }]);
  const own = await tarOf([{ name: 'own', body: 'own' }]);
  const registry = await serve({ layers: [shared, own] });
  const answers = await Promise.all(Array.from({ length: 20 }, (_, at) => pull(`${registry.host}/r:t${at}`)));
  for (const answer of answers) expect(answer.at(-1)?.imageId).toBe(registry.id);
  expect(registry.fetched(sha256(shared))).toBe(1);
  expect(registry.fetched(sha256(own))).toBe(1);
  expect(engine.snapshotDirs().length).toBeGreaterThanOrEqual(2);
  await engine.leases.create(ctx, { id: 'gc', labels: {} });
  await engine.leases.delete(ctx, { id: 'gc', sync: true });
  await engine.snapshots.cleanup(ctx, { snapshotter: '' });
  expect(engine.snapshotDirs()).toHaveLength(2);
  await registry.stop();
});

test('a pull that is cancelled ends, and the next one works', async () => {
  const layer = await tarOf([{ name: 'f', body: 'x'.repeat(100_000) }]);
  let slow = true;
  const registry = await serve({
    layers: [layer],
    change: (path, response) => {
      if (!slow || !path.endsWith(sha256(layer))) return false;
      response.writeHead(200, { 'Content-Length': layer.length });
      response.write(layer.subarray(0, 10_000));
      return true;
    },
  });
  const abort = new AbortController();
  const pulling = pull(`${registry.host}/a:1`, undefined, newContext({ signal: abort.signal }));
  setTimeout(() => abort.abort(), 300);
  await expect(pulling).rejects.toThrow();
  slow = false;
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect((await pull(`${registry.host}/a:1`)).at(-1)?.imageId).toBe(registry.id);
  await registry.stop();
});
