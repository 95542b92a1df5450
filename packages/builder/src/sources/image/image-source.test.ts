import { type Digest, formatReference, hostPlatform, parseReference, sha256, withDefaultTag } from '@gantry/oci';
import { sourceLabels } from '@gantry/registry';
import { newContext, notFound, notImplemented } from '@gantry/rpc';
import type { LazyLayer, Refs } from '../../refs/ref';
import type { StepContext } from '../../solver/op';
import { MemoryStore } from '../../testing/memory-store';
import type { Services } from '../../worker/services';
import { HeldImages } from './held-images';
import { makeImageSource } from './image-source';
import { makeImageResolver } from './resolver';
import { takeOverFrom } from './take-over';

let store: MemoryStore;
let given: readonly LazyLayer[];
beforeEach(() => (store = new MemoryStore()));

const step = { call: newContext(), progress: { status: () => undefined }, hold: () => undefined } as unknown as StepContext;
const refs = {
  ofLayers: async (_ctx: unknown, layers: readonly LazyLayer[]) => {
    given = layers;
    return { id: 'tree', clone: () => undefined, release: () => undefined };
  },
} as unknown as Refs;
const source = () => makeImageSource({ refs, resolver: makeImageResolver(store.services) });
const put = (value: unknown, mediaType: string) => ({ mediaType, ...store.put(Buffer.from(JSON.stringify(value))) });

function image(layers: number, platform = hostPlatform()) {
  const blobs = Array.from({ length: layers }, (_, at) => ({
    mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
    ...store.put(Buffer.from(`layer ${at} ${platform.architecture}`)),
  }));
  const diff_ids = blobs.map(({ digest }) => sha256(Buffer.from(digest)));
  const config = put({ ...platform, rootfs: { type: 'layers', diff_ids } }, 'application/vnd.oci.image.config.v1+json');
  return put({ schemaVersion: 2, config, layers: blobs }, 'application/vnd.oci.image.manifest.v1+json');
}

function name(text: string, target: { mediaType: string; digest: string; size: number }): void {
  const full = formatReference(parseReference(text));
  store.images.set(full, {
    name: full,
    labels: {},
    target: { ...target, size: BigInt(target.size), annotations: {} },
    createdAt: undefined,
    updatedAt: undefined,
  });
}

const other = hostPlatform().architecture === 's390x' ? 'amd64' : 's390x';
function indexed() {
  const [own, foreign] = [image(2), image(1, { os: 'linux', architecture: other })];
  const attestation = {
    ...image(0),
    platform: { os: 'unknown', architecture: 'unknown' },
    annotations: { 'vnd.docker.reference.type': 'attestation-manifest', 'vnd.docker.reference.digest': own.digest },
  };
  const manifests = [attestation, { ...foreign, platform: { os: 'linux', architecture: other } }, { ...own, platform: hostPlatform() }];
  const index = put({ schemaVersion: 2, manifests }, 'application/vnd.oci.image.index.v1+json');
  name('busybox:latest', index);
  return { index, own, foreign };
}

test('an image that is only here: its layers for the platform, and never an attestation', async () => {
  const { index } = indexed();
  const instance = source().open('docker-image://docker.io/library/busybox:latest', {}, undefined);
  expect(await instance.key(step)).toEqual({ key: expect.stringMatching(/^image:sha256:/) as string, pin: index.digest });
  await instance.tree(step);
  expect(given).toHaveLength(2);
  await given[0]?.fetch(newContext());
  const foreign = source().open(
    'docker-image://busybox',
    {},
    { OS: 'linux', Architecture: other, Variant: '', OSVersion: '', OSFeatures: [] },
  );
  await foreign.tree(step);
  expect(given).toHaveLength(1);
  await expect(
    source()
      .open('docker-image://busybox', {}, { OS: 'linux', Architecture: 'mips64le', Variant: '', OSVersion: '', OSFeatures: [] })
      .key(step),
  ).rejects.toThrow('no match for platform linux/mips64le in manifest');
});

test("of images for one platform the one of the system's version that is asked for", async () => {
  const versions = ['1', '2'].map((version, at) => ({ ...image(at + 1), platform: { ...hostPlatform(), 'os.version': version } }));
  name('busybox:latest', put({ schemaVersion: 2, manifests: versions }, 'application/vnd.oci.image.index.v1+json'));
  const layersOf = async (OSVersion: string): Promise<number> => {
    const { os: OS, architecture: Architecture, variant: Variant = '' } = hostPlatform();
    await source().open('docker-image://busybox', {}, { OS, Architecture, Variant, OSVersion, OSFeatures: [] }).tree(step);
    return given.length;
  };
  expect([await layersOf('2'), await layersOf('1'), await layersOf('3'), await layersOf('')]).toEqual([2, 1, 1, 1]);
});

describe('an image that is named by its digest', () => {
  const pin = async (text: string): Promise<string> => (await source().open(`docker-image://${text}`, {}, undefined).key(step)).pin;

  test('is found under its repository, whatever its tag', async () => {
    const { index } = indexed();
    for (const text of ['busybox:latest', 'busybox', 'busybox:other']) expect(await pin(`${text}@${index.digest}`)).toBe(index.digest);
  });

  test('is not found under another repository, unless its document came from there', async () => {
    const { index, own } = indexed();
    for (const text of [`elsewhere.test/x@${index.digest}`, `busybox@${own.digest}`, `library.test/library/busybox@${index.digest}`])
      await expect(pin(text)).rejects.toMatchObject({ kind: 'notFound' });
    Object.assign(store.blobs.get(own.digest)?.labels ?? {}, sourceLabels({ domain: 'elsewhere.test:5000', path: 'y/x' }, {}));
    expect(await pin(`elsewhere.test:5000/y/x@${own.digest}`)).toBe(own.digest);
    await expect(pin(`elsewhere.test:5000/x@${own.digest}`)).rejects.toMatchObject({ kind: 'notFound' });
  });
});

test('a limit of layers makes another key, a checksum is held to', async () => {
  const { index } = indexed();
  const whole = await source().open('docker-image://busybox', {}, undefined).key(step);
  const limited = source().open('docker-image://busybox', { 'image.layerlimit': '1' }, undefined);
  expect((await limited.key(step)).key).not.toBe(whole.key);
  await limited.tree(step);
  expect(given).toHaveLength(1);
  await source().open('docker-image://busybox', { 'image.checksum': index.digest }, undefined).key(step);
  const wrong: Digest = sha256(Buffer.from('x'));
  await expect(source().open('docker-image://busybox', { 'image.checksum': wrong }, undefined).key(step)).rejects.toThrow(
    `does not match expected checksum ${wrong}`,
  );
});

test.each([
  [{ 'image.resolvemode': 'never' }, 'invalid resolvemode: never'],
  [{ 'image.layerlimit': '0' }, 'invalid layer limit 0'],
  [{ 'image.recordtype': 'x' }, 'invalid record type x'],
  [{ 'image.nonsense': 'x' }, 'unknown attribute image.nonsense'],
])('%j is refused', (attributes, message) => {
  expect(() => source().open('docker-image://busybox', attributes as unknown as Record<string, string>, undefined)).toThrow(message);
});

test('its configuration is told for ResolveSourceMeta', async () => {
  const { index } = indexed();
  const Source = { identifier: 'docker-image://busybox', attrs: {} };
  const request = {
    Source,
    Platform: undefined,
    LogName: '',
    ResolveMode: 'local',
    Git: undefined,
    Image: undefined,
    HTTP: undefined,
    SourcePolicies: [],
  };
  const { Image } = await source().resolve(step, request);
  expect([Image?.Digest, (JSON.parse(Image?.Config.toString() ?? '') as { os: string }).os]).toEqual([index.digest, 'linux']);
});

test('an image that a build found in the store is found by its digest until the build is over, and its layers stay', async () => {
  const { index } = indexed();
  const secured: unknown[] = [];
  const kept: { release(): void }[] = [];
  const held = new HeldImages({ ...refs, secure: async (_ctx, ref) => void secured.push(ref) });
  const resolver = makeImageResolver(store.services, undefined, held);
  const building = { ...step, hold: (each: { release(): void }) => void kept.push(each) };
  const wish = { reference: parseReference('busybox:latest'), platform: hostPlatform(), mode: 'default' } as const;
  await resolver.resolve(building, wish);
  store.images.clear();
  store.blobs.clear();
  const named = { ...wish, reference: { ...wish.reference, digest: index.digest as Digest } };
  expect((await resolver.resolve(building, named)).documents.root.digest).toBe(index.digest);
  expect([secured.length, given.length]).toEqual([2, 2]);
  await expect(resolver.resolve(building, wish)).rejects.toMatchObject({ kind: 'notFound' });
  const elsewhere = { ...named, reference: { ...named.reference, domain: 'elsewhere.test' } };
  await expect(resolver.resolve(building, elsewhere)).rejects.toMatchObject({ kind: 'notFound' });
  for (const each of kept) each.release();
  await expect(resolver.resolve(building, named)).rejects.toMatchObject({ kind: 'notFound' });
});

test('what another namespace has is taken over where the store has none of that name, unless it is to be pulled', async () => {
  const target = image(1);
  const asked: unknown[] = [];
  const adopt = async (_ctx: unknown, { ref, platform, from }: { ref: string; platform: unknown; from: string }) => {
    asked.push(`${ref} from ${from}`);
    expect(platform).toMatchObject({ os: 'linux', architecture: hostPlatform().architecture });
    if (ref !== 'docker.io/library/app:latest') throw notFound(ref);
    name('app:latest', target);
  };
  const services = {
    ...store.services,
    ownImages: { adopt },
    namespaceNames: { store: 'gantry', steps: 'buildkit' },
  } as unknown as Services;
  const resolved = async (from: string, text: string, mode: 'default' | 'pull' = 'default') => {
    const resolver = makeImageResolver(services, undefined, undefined, takeOverFrom(services, from));
    return (await resolver.resolve(step, { reference: withDefaultTag(parseReference(text)), platform: hostPlatform(), mode })).documents
      .root.digest;
  };
  await expect(resolved('', 'app')).rejects.toMatchObject({ kind: 'notFound' });
  await expect(resolved('gantry', 'app')).rejects.toMatchObject({ kind: 'notFound' });
  await expect(resolved('k8s.io', 'app', 'pull')).rejects.toMatchObject({ kind: 'notFound' });
  await expect(resolved('k8s.io', 'nobodys')).rejects.toMatchObject({ kind: 'notFound' });
  expect(asked).toEqual(['docker.io/library/nobodys:latest from k8s.io']);
  expect([await resolved('k8s.io', 'app'), await resolved('k8s.io', 'app')]).toEqual([target.digest, target.digest]);
  expect(asked.slice(1)).toEqual(['docker.io/library/app:latest from k8s.io']);
  const without = takeOverFrom(
    { ...services, ownImages: { adopt: () => Promise.reject(notImplemented('Adopt')) } } as unknown as Services,
    'k8s.io',
  );
  expect(await without(step.call, { reference: parseReference('app'), platform: hostPlatform() })).toBe(false);
});
