import { gzipSync } from 'node:zlib';
import { formatPlatform, hostPlatform, type Manifest, mediaTypes, sha256 } from '@gantry/oci';
import { Registries } from '@gantry/registry';
import { MemoryRegistry, type MemoryRegistryOptions, quiet } from '@gantry/registry/testing';
import { newContext } from '@gantry/rpc';
import { makeExporters } from '../exporters/make-exporters';
import type { ExportInput } from '../exporters/exporter';
import type { BlobOptions, LazyLayer, Refs } from '../refs/ref';
import type { Session } from '../session/session';
import type { StepContext } from '../solver/op';
import { makeImageSource } from '../sources/image/image-source';
import { makeImageResolver } from '../sources/image/resolver';
import { MemoryStore } from '../testing/memory-store';

const layer = Buffer.from('a layer');
const packed = gzipSync(layer);
const registries = new Registries(
  { mirrors: [], insecure: [], paths: [], ranges: 1, attempts: 1, proxies: { http: '', https: '', no: '' } },
  quiet,
  'test',
);
let registry: MemoryRegistry;
let store: MemoryStore;
let asked: unknown[];

async function start(options: MemoryRegistryOptions = {}): Promise<void> {
  registry = await MemoryRegistry.start(options);
  store = new MemoryStore();
  asked = [];
}
afterEach(() => registry.stop());
afterAll(() => registries.close());

const session = (methods: readonly string[]): Session =>
  ({
    serves: (method: string) => methods.some((each) => method.endsWith(each)),
    client: () => ({
      fetchToken: async (_ctx: unknown, wish: object) => {
        asked.push(wish);
        return { Token: 'abc', ExpiresIn: 0n, IssuedAt: 0n };
      },
      credentials: async (_ctx: unknown, wish: object) => {
        asked.push(wish);
        return { Username: 'me', Secret: 'secret' };
      },
    }),
  }) as unknown as Session;
const group = (one: Session) => ({ ids: ['s'], any: <T>(use: (session: Session) => Promise<T>) => use(one) });
const stepOf = (one: Session): StepContext =>
  ({ call: newContext(), sessions: group(one), progress: { status: () => undefined }, hold: () => undefined }) as unknown as StepContext;

/** Wants a header before anything else. */
const wants = (header: string, challenge: (host: string) => string): MemoryRegistryOptions => ({
  guard: (request, response) => {
    if (request.headers.authorization === header) return false;
    response.writeHead(401, { 'WWW-Authenticate': challenge(request.headers.host ?? '') }).end();
    return true;
  },
});
const bearer = wants('Bearer abc', (host) => `Bearer realm="http://${host}/token",service="s"`);

async function pull(one: Session): Promise<void> {
  registry.image('x/y', '1', [{ blob: packed, diffId: sha256(layer), mediaType: mediaTypes.ociLayerGzip }]);
  let layers: readonly LazyLayer[] = [];
  const refs = {
    ofLayers: async (_ctx: unknown, given: readonly LazyLayer[]) => {
      layers = given;
      return undefined;
    },
  } as unknown as Refs;
  const instance = makeImageSource({ refs, resolver: makeImageResolver(store.services, registries) }).open(
    `docker-image://${registry.host}/x/y:1`,
    {},
    undefined,
  );
  const step = stepOf(one);
  await instance.key(step);
  await instance.tree(step);
  expect(store.blobs.size).toBe(0); // nothing is fetched before it is wanted
  await layers[0]?.fetch(step.call);
  await layers[0]?.fetch(newContext());
}

test('a pull with a token that the client fetches itself; layers come when they are wanted, once', async () => {
  await start(bearer);
  await pull(session(['FetchToken', 'Credentials']));
  expect(asked[0]).toEqual({
    ClientID: 'buildkit-client',
    Host: registry.host,
    Realm: `http://${registry.host}/token`,
    Service: 's',
    Scopes: ['repository:x/y:pull'],
  });
  expect(store.blobs.get(sha256(packed))?.labels).toEqual({ 'containerd.io/distribution.source.127.0.0.1': 'x/y' });
});

test('a pull with name and password where the registry wants those', async () => {
  await start(wants(`Basic ${Buffer.from('me:secret').toString('base64')}`, () => 'Basic realm="r"'));
  await pull(session(['Credentials']));
  expect(asked[0]).toEqual({ Host: registry.host });
});

test('without anybody who knows the registry says no', async () => {
  await start(bearer);
  await expect(pull(session([]))).rejects.toThrow(/pull access denied|unauthorized|token/);
});

describe('pushes', () => {
  const refs = {
    blobs: async (_ctx: unknown, _ref: unknown, how: BlobOptions) => {
      if (how.nondistributable !== true)
        return [{ blob: { mediaType: mediaTypes.ociLayerGzip, ...store.put(packed) }, diffId: sha256(layer) }];
      expect(how.present).toBe('distributable');
      const mediaType = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip';
      return [
        { blob: { mediaType, digest: sha256(packed), size: packed.length, urls: ['https://maker.example/l'] }, diffId: sha256(layer) },
      ];
    },
    layers: () => [{ id: 'l' }],
  } as unknown as Refs;
  const outcome = { definition: undefined, tree: async () => ({ id: 'r', clone: () => undefined, release: () => undefined }) };
  const push = async (attributes: Record<string, string>) => {
    const input = {
      result: { outcomes: new Map([['', outcome]]), metadata: new Map(), attestations: new Map([[formatPlatform(hostPlatform()), []]]) },
      sessions: group(session(['FetchToken'])),
      progress: { status: () => undefined },
      inlineCache: () => Promise.resolve(undefined),
    } as unknown as ExportInput;
    const exporter = makeExporters({ services: store.services, refs, registries }).find(({ types }) => types.includes('image'));
    return exporter?.open(new Map(Object.entries(attributes)), 0).export(newContext(), input);
  };

  test('to a tag, and by digest without one; and where the layer is from then on is noted', async () => {
    await start(bearer);
    const name = `${registry.host}/a/b`;
    const digest = (await push({ name: `${name}:1`, push: 'true', store: 'false' }))?.get('containerimage.digest') ?? '';
    expect([registry.manifests.has('a/b 1'), store.images.size]).toEqual([true, 0]);
    expect(store.blobs.get(sha256(packed))?.labels).toMatchObject({ 'containerd.io/distribution.source.127.0.0.1': 'a/b' });
    await push({ name, push: 'true', 'push-by-digest': 'true', store: 'false' });
    expect([registry.manifests.has('a/b latest'), registry.manifests.has(`a/b ${digest}`)]).toEqual([false, true]);
  });

  test('a layer that stays with its makers is named and does not travel', async () => {
    await start(bearer);
    const answer = await push({ name: `${registry.host}/a/b`, push: 'true', 'prefer-nondist-layers': 'true' });
    const manifest = JSON.parse(registry.manifests.get(`a/b ${answer?.get('containerimage.digest')}`)?.bytes.toString() ?? '') as Manifest;
    expect(manifest.layers).toMatchObject([{ digest: sha256(packed), urls: ['https://maker.example/l'] }]);
    expect([...registry.blobs.keys()].filter((key) => key.includes(sha256(packed)))).toEqual([]);
  });

  test('a registry that refuses is told by the name of the image', async () => {
    await start({ guard: (_request, response) => (response.writeHead(403).end(), true) });
    await expect(push({ name: `${registry.host}/a/b`, push: 'true' })).rejects.toThrow(`failed to push ${registry.host}/a/b`);
  });
});
