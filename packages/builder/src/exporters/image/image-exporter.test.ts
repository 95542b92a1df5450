import {
  type Descriptor,
  type Digest,
  formatPlatform,
  hostPlatform,
  type ImageConfig,
  type Index,
  type Manifest,
  sha256,
} from '@gantry/oci';
import { unpackAny } from '@gantry/api';
import { ImageBuilt } from '@gantry/api/gantry/build/v1/build';
import type { Any } from '@gantry/api/google/protobuf/any';
import { newContext } from '@gantry/rpc';
import type { Attestation, Outcome } from '../../frontend/frontend';
import type { BlobOptions, Refs } from '../../refs/ref';
import { MemoryStore } from '../../testing/memory-store';
import type { Services } from '../../worker/services';
import type { ExportInput } from '../exporter';
import { makeImageExporters } from './image-exporter';

let store: MemoryStore;
let asked: BlobOptions[];
let published: unknown[];
beforeEach(() => {
  published = [];
  store = new MemoryStore();
  asked = [];
});

const layer = (text: string) => ({ diffId: sha256(Buffer.from(text)), bytes: Buffer.from(`packed ${text}`) });
const layers = [layer('one'), layer('two')];
const refs = {
  fill: async () => false,
  snapshotOf: () => undefined,
  blobs: async (_ctx: unknown, ref: unknown, how: BlobOptions) => {
    asked.push(how);
    if (ref === undefined) return [];
    return layers.map(({ diffId, bytes }) => {
      const { digest, size } = store.put(bytes);
      const blob: Descriptor = {
        mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
        digest: digest as Digest,
        size,
        annotations: { 'containerd.io/uncompressed': diffId },
      };
      return { diffId, blob };
    });
  },
  layers: (ref: unknown) =>
    ref === undefined ? [] : layers.map((_, at) => ({ id: `${at}`, description: `layer ${at}`, created: new Date(1e12 + at * 1000) })),
} as unknown as Refs;

const outcome = {
  definition: undefined,
  tree: async () => ({ id: 'r', clone: () => undefined, release: () => undefined }),
} as unknown as Outcome;
const host = formatPlatform(hostPlatform());
const config = {
  ...hostPlatform(),
  config: { Cmd: ['sh'] },
  created: '2026-01-02T03:04:05Z',
  history: [{ created_by: 'FROM' }, { created_by: 'CMD ["sh"]', empty_layer: true }],
};

function run(
  type: string,
  attributes: Record<string, string>,
  change: { metadata?: Record<string, unknown>; attestations?: readonly Attestation[]; platforms?: readonly string[] } = {},
) {
  const { metadata = { 'containerimage.config': config }, attestations = [], platforms = [] } = change;
  const told: string[] = [];
  const input: ExportInput = {
    result: {
      outcomes: new Map(platforms.length === 0 ? [['', outcome]] : platforms.map((id) => [id, outcome])),
      metadata: new Map(
        Object.entries(metadata).map(([key, value]) => [key, Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))]),
      ),
      attestations: new Map(attestations.length === 0 ? [] : [[host, attestations]]),
    },
    sessions: { ids: [], any: () => Promise.reject(new Error('none')) },
    progress: {
      status: ({ id, completed }) => void (completed === undefined && told.push(id)),
      log: () => undefined,
      warn: () => undefined,
    },
    inlineCache: () => Promise.resolve(undefined),
  };
  const events = {
    publish: async (_ctx: unknown, { topic, event }: { topic: string; event: Any }) =>
      void published.push([topic, unpackAny(event, ImageBuilt)]),
  };
  const tools = { services: { ...store.services, events } as unknown as Services, refs, pusher: undefined };
  const exporter = makeImageExporters(tools).find(({ types }) => types.includes(type));
  return (exporter?.open(new Map(Object.entries(attributes)), 0).export(newContext(), input) ?? Promise.reject(new Error(type))).then(
    (answer) => ({
      answer: Object.fromEntries(answer),
      told,
    }),
  );
}

test('an image of one platform: documents in docker types, its name, its files laid out, told as docker build shows it', async () => {
  const { answer, told } = await run('moby', { name: 'app,app:latest' });
  const digest = answer['containerimage.digest'] ?? '';
  const manifest = store.json(digest) as Manifest;
  const written = store.json(manifest.config.digest) as ImageConfig;
  expect(manifest.mediaType).toBe('application/vnd.docker.distribution.manifest.v2+json');
  expect(manifest.layers[0]).not.toHaveProperty('annotations');
  expect(written.rootfs.diff_ids).toEqual(layers.map(({ diffId }) => diffId));
  expect(written.history).toEqual([
    { created_by: 'FROM', created: '2001-09-09T01:46:40.000Z' },
    { created_by: 'CMD ["sh"]', empty_layer: true, created: '2001-09-09T01:46:41.000Z' },
    { created_by: 'layer 1', comment: 'buildkit.exporter.image.v0', created: '2001-09-09T01:46:41.000Z' },
  ]);
  expect([answer['image.name'], answer['containerimage.config.digest']]).toEqual(['docker.io/library/app:latest', manifest.config.digest]);
  expect(JSON.parse(Buffer.from(answer['containerimage.descriptor'] ?? '', 'base64').toString())).toMatchObject({
    digest,
    platform: hostPlatform(),
  });
  expect(store.images.get('docker.io/library/app:latest')?.target?.digest).toBe(digest);
  expect(published).toEqual([['/builder/image', { id: digest, names: ['app:latest'], labels: {} }]]);
  expect(told).toEqual([
    'exporting layers',
    `exporting manifest ${digest}`,
    `exporting config ${manifest.config.digest}`,
    'naming to docker.io/library/app:latest',
    'unpacking to docker.io/library/app:latest',
  ]);
  expect([store.applied, store.leases.size]).toEqual([manifest.layers.map((each) => each.digest), 0]);
  expect(store.blobs.get(digest)?.labels).toMatchObject({
    'containerd.io/gc.ref.content.config': manifest.config.digest,
    'containerd.io/gc.ref.content.l.1': manifest.layers[1]?.digest,
  });
  expect((await run('moby', { name: 'app' })).answer).toEqual(answer);
});

test('without a name the image is dangling, or only stored', async () => {
  const { answer } = await run('moby', {});
  expect([...store.images.keys()]).toEqual([`gantry-dangling@${answer['containerimage.digest']}`]);
  store.images.clear();
  await run('image', {});
  await run('image', { name: 'x', store: 'false' });
  expect([...store.images.keys()]).toEqual([]);
  await run('image', { name: 'x:1', 'name-canonical': '', 'dangling-name-prefix': 'd' });
  expect([...store.images.keys()].map((name) => name.replace(/sha256:.*/, ''))).toEqual(['x:1', 'x:1@', 'd@']);
});

test('an index over platforms and attestations, annotated', async () => {
  const attestation: Attestation = {
    kind: 'in-toto',
    metadata: new Map(),
    path: 'provenance.json',
    predicateType: 'https://slsa.dev/provenance/v0.2',
    subjects: [],
    content: () => Promise.resolve(Buffer.from('{"big":12345678901234567890}')),
  };
  const other = host === 'linux/arm64' ? 'linux/amd64' : 'linux/arm64';
  const [os = '', architecture = ''] = other.split('/');
  const { answer } = await run(
    'image',
    {
      name: 'docker.io/library/x:1',
      'annotation.m': '1',
      [`annotation-manifest-descriptor[${other}].d`]: '2',
      'annotation-index.i': '3',
      compression: 'zstd',
      'compression-level': '7',
      'force-compression': 'true',
    },
    {
      platforms: [host, other],
      attestations: [attestation],
      metadata: {
        'refs.platforms': {
          Platforms: [
            { ID: host, Platform: hostPlatform() },
            { ID: other, Platform: { os, architecture } },
          ],
        },
        [`containerimage.config/${host}`]: config,
        [`containerimage.config/${other}`]: { ...config, os, architecture },
      },
    },
  );
  const index = store.json(answer['containerimage.digest'] ?? '') as Index;
  expect([index.mediaType, index.annotations, answer['containerimage.config.digest']]).toEqual([
    'application/vnd.oci.image.index.v1+json',
    { i: '3' },
    undefined,
  ]);
  expect(index.manifests.map(({ platform, annotations }) => [platform?.architecture, annotations])).toEqual([
    [hostPlatform().architecture, undefined],
    [architecture, { d: '2' }],
    ['unknown', { 'vnd.docker.reference.digest': index.manifests[0]?.digest, 'vnd.docker.reference.type': 'attestation-manifest' }],
  ]);
  expect((store.json(index.manifests[0]?.digest ?? '') as Manifest).annotations).toEqual({ m: '1' });
  const statements = store.json(index.manifests[2]?.digest ?? '') as Manifest;
  expect(statements.layers[0]).toMatchObject({
    mediaType: 'application/vnd.in-toto+json',
    annotations: { 'in-toto.io/predicate-type': attestation.predicateType },
  });
  const text = store.blobs.get(statements.layers[0]?.digest ?? '')?.bytes.toString() ?? '';
  expect(text).toContain('"big":12345678901234567890');
  expect(JSON.parse(text)).toMatchObject({
    subject: [{ name: `pkg:docker/x@1?platform=${encodeURIComponent(host)}`, digest: { sha256: index.manifests[0]?.digest.slice(7) } }],
  });
  expect(asked[0]).toMatchObject({ compression: 'zstd', level: 7, force: true, oci: true });
});

test('times are capped by the epoch, but for those of the base image', async () => {
  const base = { created_by: 'base', created: '2025-01-01T00:00:00Z' };
  const { answer } = await run(
    'image',
    { 'source-date-epoch': '86400', 'rewrite-timestamp': 'true' },
    {
      metadata: {
        'containerimage.config': { ...config, history: [base, { created_by: 'new', created: '2026-01-01T00:00:00Z' }] },
        'containerimage.base.config': { history: [base] },
      },
    },
  );
  const written = store.json(answer['containerimage.config.digest'] ?? '') as ImageConfig;
  expect([written.created, written.history?.map(({ created }) => created)]).toEqual([
    '1970-01-02T00:00:00Z',
    [base.created, '1970-01-02T00:00:00Z'],
  ]);
  expect(asked[0]?.latestTime).toBe(86400);
});

test('the epoch of the frontend counts where the exporter has none, for the name, too', async () => {
  await run('image', { name: 'x:1' }, { metadata: { 'containerimage.config': config, 'source.date.epoch': '86400' } });
  expect(store.epochs.get('x:1')).toBe(86400n);
});

test('what clients put down for themselves is passed over', async () => {
  const notes = { 'prefer-image-digest': 'true', context: 'other', load: 'true', 'buildinfo-attrs': 'true' };
  await expect(run('moby', { name: 'x:1', ...notes }, { metadata: { 'containerimage.config': config } })).resolves.toBeDefined();
});

test('an image without a configuration is refused, and layers are of the types that were asked for', async () => {
  await expect(run('image', { name: 'x:1' }, { metadata: { 'containerimage.config': null } })).rejects.toThrow(
    'invalid null image config for export',
  );
  await expect(run('image', { name: 'x:1' }, { metadata: { 'refs.platforms': null } })).rejects.toThrow('invalid empty platforms index');
  await run('image', { name: 'x:1', compression: 'zstd' }, { metadata: { 'containerimage.config': config } });
  expect(asked.at(-1)).toMatchObject({ compression: 'zstd', oci: false });
});

test.each([
  [{ nonsense: '1' }, 'unknown attribute nonsense'],
  [{ compression: 'estargz' }, 'compression estargz is not supported'],
  [{ compression: 'lz4' }, 'unsupported compression type lz4'],
  [{ push: 'perhaps' }, 'non-bool value specified for push'],
  [{ name: `x@sha256:${'0'.repeat(64)}` }, 'build tag cannot contain a digest'],
  [{ 'annotation-index.a': '1' }, 'index annotations not supported'],
  [{ 'annotation[linux/s390x].a': '1' }, 'no platform linux/s390x'],
])('%j is refused', async (attributes, message) => {
  await expect((async () => run('moby', attributes as unknown as Record<string, string>))()).rejects.toThrow(message);
});
