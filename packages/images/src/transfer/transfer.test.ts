import { PassThrough } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { anyTypeName, packAny, unpackAny } from '@gantry/api';
import { StreamingService, StreamInit } from '@gantry/api/containerd/services/streaming/v1/streaming';
import { TransferService } from '@gantry/api/containerd/services/transfer/v1/transfer';
import {
  AuthRequest,
  AuthResponse,
  AuthType,
  Data,
  ImageExportStream,
  ImageImportStream,
  ImageStore,
  OCIRegistry,
  Progress,
  WindowUpdate,
} from '@gantry/api/containerd/types/transfer/transfer';
import type { Any } from '@gantry/api/google/protobuf/any';
import { mediaTypes } from '@gantry/oci';
import { connect, type Connection, newContext, type ServiceClient } from '@gantry/rpc';
import { digestOf, MemoryRegistry, type MemoryRegistryOptions } from '@gantry/registry/testing';
import { type TestEngine, startEngine } from '../testing/engine';
import { dockerArchive, tarOf } from '../testing/tar';

const ctx = newContext({ namespace: 'other' });
const arch = process.arch === 'arm64' ? 'arm64' : 'amd64';
const here = { os: 'linux', architecture: arch, variant: '', osVersion: '', osFeatures: [] };
let engine: TestEngine;
let connection: Connection;
let transfers: ServiceClient<typeof TransferService>;
const registries: MemoryRegistry[] = [];

beforeEach(async () => {
  engine = await startEngine();
  connection = connect(engine.socket);
  transfers = connection.client(TransferService);
});
afterEach(async () => {
  connection.close();
  await engine.stop();
  for (const registry of registries.splice(0)) await registry.stop();
});

async function registry(options: MemoryRegistryOptions = {}): Promise<MemoryRegistry> {
  const made = await MemoryRegistry.start(options);
  registries.push(made);
  return made;
}

/** A stream as containerd's client opens it: the id first, acknowledged; answer may say something to each message. */
async function openStream(
  id: string,
  answer: (message: Any, send: (message: Any) => void) => void,
): Promise<{ readonly end: () => void; readonly ended: Promise<void>; send: (message: Any) => void }> {
  const out = new PassThrough({ objectMode: true });
  const send = (message: Any): void => void out.write(message);
  send(packAny(StreamInit, { id }));
  const messages = connection.client(StreamingService).stream(ctx, out)[Symbol.asyncIterator]();
  const first = await messages.next();
  expect(first.done === true ? '' : anyTypeName(first.value)).toBe('google.protobuf.Empty');
  const ended = (async () => {
    for (let next = await messages.next(); next.done !== true; next = await messages.next()) answer(next.value, send);
  })();
  return { end: () => out.end(), ended, send };
}

async function transfer(
  source: Any,
  destination: Any,
): Promise<{ event: string; name: string; progress: bigint; total: bigint; parents: string[] }[]> {
  const told: Progress[] = [];
  const id = `progress-${Math.random()}`;
  const stream = await openStream(id, (message) => told.push(unpackAny(message, Progress) as Progress));
  try {
    await transfers.transfer(ctx, { source, destination, options: { progressStream: id } });
  } finally {
    stream.end();
    await stream.ended;
  }
  return told;
}

const from = (reference: string, change: Partial<NonNullable<OCIRegistry['resolver']>> = {}): Any =>
  packAny(OCIRegistry, {
    reference,
    resolver: { authStream: '', headers: {}, hostDir: '', defaultScheme: '', httpDebug: 0, logsStream: '', ...change },
  });
const store = (name: string, change: Partial<ImageStore> = {}): Any =>
  packAny(ImageStore, {
    name,
    labels: {},
    platforms: [],
    allMetadata: false,
    manifestLimit: 0,
    extraReferences: [],
    unpacks: [],
    ...change,
  });
const prefix = (name: string, change: object = {}) => ({
  name,
  isPrefix: true,
  allowOverwrite: false,
  addDigest: false,
  skipNamedDigest: false,
  ...change,
});
const records = async () =>
  (await engine.records.list(ctx, { filters: [] })).images.map(({ name, target }) => ({ name, digest: target?.digest ?? '' }));
const contents = async (): Promise<string[]> => {
  const found: string[] = [];
  for await (const { info } of engine.content.list(ctx, { filters: [] })) found.push(...info.map(({ digest }) => digest));
  return found;
};
const snapshots = async (): Promise<string[]> => {
  const found: string[] = [];
  for await (const { info } of engine.snapshots.list(ctx, { snapshotter: '', filters: [] })) found.push(...info.map(({ name }) => name));
  return found;
};
const collect = async (): Promise<void> => {
  await engine.leases.create(ctx, { id: 'gc', labels: {} });
  await engine.leases.delete(ctx, { id: 'gc', sync: true });
};

/** An index for this machine and another, in a registry. */
async function twoPlatforms(server: MemoryRegistry): Promise<{ index: string; layers: string[]; manifests: string[] }> {
  const layers = await Promise.all(['here', 'there'].map((body) => tarOf([{ name: body, body: body.repeat(10_000) }])));
  const images = layers.map((layer, at) =>
    server.image('r', '', [{ blob: gzipSync(layer), diffId: digestOf(layer), mediaType: mediaTypes.ociLayerGzip }], {
      config: { architecture: at === 0 ? arch : 's390x' },
    }),
  );
  const index = server.manifest(
    'r',
    {
      schemaVersion: 2,
      mediaType: mediaTypes.ociIndex,
      manifests: images.map(({ digest, size, mediaType }, at) => ({
        mediaType,
        digest,
        size,
        platform: { os: 'linux', architecture: at === 0 ? arch : 's390x' },
      })),
    },
    'v1',
  );
  return { index: index.digest, layers: layers.map((layer) => digestOf(gzipSync(layer))), manifests: images.map(({ digest }) => digest) };
}

test('pull: one platform with the metadata of all, unpacked, told step by step', async () => {
  const server = await registry();
  const { index, layers, manifests } = await twoPlatforms(server);
  const name = `${server.host}/r:v1`;
  const told = await transfer(
    from(name),
    store(name, { platforms: [here], allMetadata: true, unpacks: [{ platform: here, snapshotter: 'overlayfs' }], labels: { own: 'yes' } }),
  );
  expect(told[0]?.event).toBe(`Resolving from OCI Registry (${name})`);
  expect(told.at(-1)?.event).toBe(`Completed pull from OCI Registry (${name})`);
  expect(told.filter((each) => each.name === name).map(({ event }) => event)).toEqual(['fetching image content', 'saved']);
  expect(told.filter((each) => each.name === `layer-${layers[0] ?? ''}`).map(({ event }) => event)).toEqual(
    expect.arrayContaining(['waiting', 'downloading', 'extracted']),
  );
  // The tree that clients draw: the name, its index, the manifests of that, their parts; each with its bytes.
  const parentOf = (object: string) => told.find((each) => each.name === object)?.parents;
  expect(parentOf(`index-${index}`)).toEqual([name]);
  expect(parentOf(`manifest-${manifests[0] ?? ''}`)).toEqual([`index-${index}`]);
  expect(parentOf(`layer-${layers[0] ?? ''}`)).toEqual([`manifest-${manifests[0] ?? ''}`]);
  for (const kind of ['index', 'manifest', 'config', 'layer']) {
    const done = told.find((each) => each.name.startsWith(`${kind}-`) && ['complete', 'extracted'].includes(each.event));
    expect(done?.progress).toBe(done?.total);
    expect(done?.total).toBeGreaterThan(0n);
  }
  expect(await records()).toEqual([{ name, digest: index }]);
  await collect();
  expect(await contents()).toEqual(expect.arrayContaining([index, ...manifests, layers[0] ?? '']));
  expect(await contents()).not.toContain(layers[1]);
  expect(await snapshots()).toHaveLength(1);
});

test('pull of all platforms, push to another repository: the same bytes, layers mounted', async () => {
  const server = await registry();
  const { index, layers } = await twoPlatforms(server);
  const name = `${server.host}/r:v1`;
  await transfer(from(name), store(name));
  await collect();
  expect(await contents()).toEqual(expect.arrayContaining(layers));
  const other = await registry();
  const told = await transfer(store(name), from(`${other.host}/copy/r:v2`));
  expect(other.manifests.get('copy/r v2')?.bytes.equals(server.manifests.get('r v1')?.bytes ?? Buffer.alloc(0))).toBe(true);
  expect(layers.every((layer) => other.blobs.has(layer))).toBe(true);
  expect(told.at(-1)?.event).toBe(`Completed push to OCI Registry (${other.host}/copy/r:v2)`);
  expect(told.find((each) => each.name === `index-${index}`)?.parents).toEqual([name]);
  expect(told.some(({ event, name: of }) => event === 'uploading' && of === `layer-${layers[0] ?? ''}`)).toBe(true);
  expect(digestOf(other.manifests.get('copy/r v2')?.bytes ?? Buffer.alloc(0))).toBe(index);
});

test('push of what is not all here is refused by the digest', async () => {
  const server = await registry();
  const { layers } = await twoPlatforms(server);
  const name = `${server.host}/r:v1`;
  await transfer(from(name), store(name, { platforms: [here], allMetadata: true }));
  const other = await registry();
  await expect(transfer(store(name), from(`${other.host}/r:v1`))).rejects.toThrow(
    `blob ${layers[1] ?? ''} is neither here nor at the registry`,
  );
});

test('an artifact is pulled, exported, imported and pushed as it is', async () => {
  const server = await registry();
  const blob = { ...server.blob(Buffer.from('some model')), mediaType: 'application/x-model' };
  const artifact = server.manifest(
    'models',
    {
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      artifactType: 'application/x-model',
      config: { ...server.blob(Buffer.from('{}')), mediaType: mediaTypes.ociEmpty },
      layers: [blob],
    },
    'v1',
  );
  const name = `${server.host}/models:v1`;
  await transfer(from(name), store(name, { platforms: [here], unpacks: [{ platform: here, snapshotter: '' }] }));
  expect(await records()).toEqual([{ name, digest: artifact.digest }]);
  const archive = await exported(store(name));
  await engine.records.delete(ctx, { name, sync: true, target: undefined });
  expect(await contents()).toEqual([]);
  await imported(archive, store('', { extraReferences: [prefix('x', { allowOverwrite: true })] }));
  expect(await records()).toEqual([{ name, digest: artifact.digest }]);
  const other = await registry();
  await transfer(store(name), from(`${other.host}/m:v9`));
  expect(other.blobs.get(blob.digest)?.toString()).toBe('some model');
});

async function exported(source: Any, change: Partial<ImageExportStream> = {}): Promise<Buffer> {
  const parts: Buffer[] = [];
  const id = `export-${Math.random()}`;
  const stream = await openStream(id, (message, send) => {
    const { data = new Uint8Array() } = unpackAny(message, Data) ?? {};
    parts.push(Buffer.from(data));
    send(packAny(WindowUpdate, { update: data.length }));
  });
  stream.send(packAny(WindowUpdate, { update: 100_000 }));
  await transfer(
    source,
    packAny(ImageExportStream, {
      stream: id,
      mediaType: '',
      platforms: [],
      allPlatforms: false,
      skipCompatibilityManifest: false,
      skipNonDistributable: false,
      ...change,
    }),
  );
  await stream.ended;
  return Buffer.concat(parts);
}

async function imported(
  archive: Buffer,
  destination: Any,
  change: Partial<ImageImportStream> = {},
): Promise<{ event: string; name: string }[]> {
  const id = `import-${Math.random()}`;
  let window = 0;
  let at = 0;
  let most = 0;
  const stream = await openStream(id, (message, send) => {
    window += unpackAny(message, WindowUpdate)?.update ?? 0;
    most = Math.max(most, window);
    for (; window > 0 && at < archive.length;) {
      const part = archive.subarray(at, at + Math.min(window, 32 << 10));
      at += part.length;
      window -= part.length;
      send(packAny(Data, { data: part }));
    }
    if (at >= archive.length) stream.end();
  });
  const told = await transfer(packAny(ImageImportStream, { stream: id, mediaType: '', forceCompress: false, ...change }), destination);
  await stream.ended;
  expect(most).toBeLessThanOrEqual(1 << 20);
  return told;
}

test('import of a docker archive (packed), export as layout, import again: names by prefix, unpacked', async () => {
  const image = await dockerArchive(['team/app:1'], [[{ name: 'f', body: 'x'.repeat(300_000) }], [{ name: 'g', body: 'y' }]]);
  const told = await imported(
    gzipSync(image.archive),
    store('', { extraReferences: [prefix('import-today', { allowOverwrite: true })], unpacks: [{ platform: here, snapshotter: '' }] }),
  );
  const name = 'docker.io/team/app:1';
  expect(told.filter(({ event }) => event === 'saved').map((each) => each.name)).toEqual([name]);
  expect(await snapshots()).toHaveLength(2);
  const archive = await exported(store(name));
  await engine.records.delete(ctx, { name, sync: true, target: undefined });
  await imported(archive, store('', { extraReferences: [prefix('docker.io/team/app', { addDigest: true })] }));
  // The manifest by its name and digest, and the index that brought it by its digest.
  expect((await records()).map((each) => each.name)).toEqual([
    name,
    expect.stringMatching(/^docker\.io\/team\/app@sha256:/),
    expect.stringMatching(/^docker\.io\/team\/app@sha256:/),
  ]);
  await collect();
  expect(await contents()).toEqual(expect.arrayContaining([image.configDigest, ...image.layers.map(digestOf)]));
  await imported(archive, store('whole-index', { extraReferences: [] }));
  expect((await records()).map((each) => each.name)).toContain('whole-index');
  // docker loads the same archive
  expect((await engine.load(archive)).map(({ imageId }) => imageId)).toContain(image.id);
});

test('an export without a platform is for the host, one of all platforms for all', async () => {
  const server = await registry();
  const { layers } = await twoPlatforms(server);
  const name = `${server.host}/r:v1`;
  await transfer(from(name), store(name));
  const holds = async (change: Partial<ImageExportStream>) => {
    const archive = await exported(store(name), change);
    return layers.map((layer) => archive.includes(`blobs/sha256/${layer.slice('sha256:'.length)}`));
  };
  expect(await holds({})).toEqual([true, false]);
  expect(await holds({ allPlatforms: true })).toEqual([true, true]);
  expect(await holds({ platforms: [{ ...here, architecture: 's390x' }] })).toEqual([false, true]);
});

test('a stream of an import goes to the stream of an export, byte for byte', async () => {
  const bytes = Buffer.from('anything at all '.repeat(50_000));
  const parts: Buffer[] = [];
  const out = await openStream('echo-out', (message, send) => {
    const { data = new Uint8Array() } = unpackAny(message, Data) ?? {};
    parts.push(Buffer.from(data));
    send(packAny(WindowUpdate, { update: data.length }));
  });
  out.send(packAny(WindowUpdate, { update: 50_000 }));
  await imported(
    bytes,
    packAny(ImageExportStream, {
      stream: 'echo-out',
      mediaType: '',
      platforms: [],
      allPlatforms: false,
      skipCompatibilityManifest: false,
      skipNonDistributable: false,
    }),
  );
  await out.ended;
  expect(Buffer.concat(parts).equals(bytes)).toBe(true);
});

test('tag', async () => {
  const server = await registry();
  const { index } = await twoPlatforms(server);
  await transfer(from(`${server.host}/r:v1`), store('a', { allMetadata: true, platforms: [here] }));
  await transfer(
    store('a'),
    store('b', {
      labels: { x: 'y' },
      extraReferences: [{ name: 'c', isPrefix: false, allowOverwrite: false, addDigest: true, skipNamedDigest: false }],
    }),
  );
  expect(await records()).toEqual([
    { name: 'a', digest: index },
    { name: 'b', digest: index },
    { name: `c@${index}`, digest: index },
  ]);
});

test('attack 33: the client is asked for credentials by host, and only the host gets them', async () => {
  const basic = `Basic ${Buffer.from('me:secret').toString('base64')}`;
  const storage = await registry();
  const server = await registry({
    guard: (request, response) =>
      request.headers.authorization !== basic && response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="r"' }).end() !== undefined,
    fault: (request, response, blob) =>
      request.method === 'GET' &&
      blob !== undefined &&
      response.writeHead(307, { Location: `http://${storage.host}${request.url ?? ''}` }).end() !== undefined,
  });
  const { layers } = await twoPlatforms(server);
  for (const [digest, blob] of server.blobs) storage.blobs.set(digest, blob);
  const asked: AuthRequest[] = [];
  const stream = await openStream('creds', (message, send) => {
    asked.push(unpackAny(message, AuthRequest) as AuthRequest);
    send(packAny(AuthResponse, { authType: AuthType.CREDENTIALS, username: 'me', secret: 'secret', expireAt: undefined }));
  });
  await transfer(from(`${server.host}/r:v1`, { authStream: 'creds', headers: { 'x-mine': '1' } }), store('a'));
  stream.end();
  expect(asked.map(({ host, wwwauthenticate }) => [host, wwwauthenticate])).toEqual([[server.host, ['Basic realm="r"']]]);
  expect(storage.seen.length).toBeGreaterThan(0);
  expect(storage.seen.every(({ headers }) => headers.authorization === undefined && headers['x-mine'] === undefined)).toBe(true);
  expect(server.seen.every(({ headers }) => headers['x-mine'] === '1')).toBe(true);
  expect(await contents()).toEqual(expect.arrayContaining(layers));
});

test('what is not supported is refused by name; streams that nobody opened, opened twice or broken', async () => {
  const registry_ = from('127.0.0.1:1/a:1');
  await expect(transfer(registry_, registry_)).rejects.toMatchObject({
    kind: 'notImplemented',
    message: expect.stringContaining('containerd.types.transfer.OCIRegistry') as string,
  });
  await expect(transfer(from('127.0.0.1:1/a', { httpDebug: 1 }), store('a'))).rejects.toThrow('http_debug is not supported');
  await expect(transfer(registry_, store('a', { unpacks: [{ platform: here, snapshotter: 'devmapper' }] }))).rejects.toThrow(
    '"devmapper" is not supported',
  );
  await expect(transfer(packAny(ImageImportStream, { stream: 'none', mediaType: '', forceCompress: false }), store('a'))).rejects.toThrow(
    'stream "none": not found',
  );
  await expect(transfer(packAny(ImageImportStream, { stream: 'none', mediaType: '', forceCompress: true }), store('a'))).rejects.toThrow(
    'force_compress',
  );
  const first = await openStream('twice', () => undefined);
  await expect(openStream('twice', () => undefined)).rejects.toThrow('stream "twice": already exists');
  first.end();
});

test('a client that goes away in the middle of an import leaves nothing', async () => {
  const image = await dockerArchive(['team/app:1'], [[{ name: 'f', body: 'x'.repeat(3_000_000) }]]);
  const stream = await openStream('cut', () => undefined);
  stream.send(packAny(Data, { data: image.archive.subarray(0, 50_000) }));
  setImmediate(() => stream.end());
  await expect(
    transfer(
      packAny(ImageImportStream, { stream: 'cut', mediaType: '', forceCompress: false }),
      store('', { extraReferences: [prefix('x')] }),
    ),
  ).rejects.toThrow();
  await collect();
  expect(await contents()).toEqual([]);
  expect((await engine.content.listStatuses(ctx, { filters: [] })).statuses).toEqual([]);
});

test('an export to a client that stops reading ends', async () => {
  const image = await dockerArchive(['team/app:1'], [[{ name: 'f', body: 'x'.repeat(3_000_000) }]]);
  await engine.load(image.archive, ctx);
  const stream = await openStream('gone', () => undefined);
  stream.send(packAny(WindowUpdate, { update: 1000 }));
  const work = transfer(
    store('docker.io/team/app:1'),
    packAny(ImageExportStream, {
      stream: 'gone',
      mediaType: '',
      platforms: [],
      allPlatforms: false,
      skipCompatibilityManifest: false,
      skipNonDistributable: false,
    }),
  );
  stream.end();
  await expect(work).rejects.toThrow('stopped reading');
});
