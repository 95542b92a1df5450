import { mediaTypes } from '@gantry/oci';
import { newContext } from '@gantry/rpc';
import { MemoryRegistry } from '@gantry/registry/testing';
import { type TestEngine, startEngine } from '../testing/engine';
import { hasRegistry, REGISTRY_BINARY, startRegistry } from '../testing/registry';
import { tarOf } from '../testing/tar';

const ctx = newContext();
let engine: TestEngine;
let server: MemoryRegistry;

beforeEach(async () => {
  engine = await startEngine();
});
afterEach(async () => {
  await engine.stop();
  await server.stop();
});

const document = (change: object) => ({
  schemaVersion: 2,
  mediaType: mediaTypes.ociManifest,
  config: { ...server.blob(Buffer.from('{}')), mediaType: mediaTypes.ociEmpty },
  layers: [],
  ...change,
});
const drain = async <T>(messages: AsyncIterable<T>): Promise<T[]> => {
  const all: T[] = [];
  for await (const message of messages) all.push(message);
  return all;
};
const pull = (ref: string, referrers: boolean) =>
  drain(engine.images.pullArtifact(ctx, { ref, auth: undefined, referrers, name: '', metadataOnly: false }));
const push = (ref: string, referrers: boolean) => drain(engine.images.pushArtifact(ctx, { ref, auth: undefined, referrers }));
const referrers = async (ref: string, stored: boolean, artifactType = '') =>
  (await engine.images.listReferrers(ctx, { ref, artifactType, auth: undefined, stored })).referrers.map((each) => [
    each.artifactType,
    each.descriptor?.digest,
  ]);
const collect = async (): Promise<void> => {
  await engine.leases.create(ctx, { id: 'gc', labels: {} });
  await engine.leases.delete(ctx, { id: 'gc', sync: true });
};

test.each([true, false])(
  'an image with its signature and the signature of that: pulled, kept by garbage collection, listed, pushed (referrers call: %s)',
  async (call) => {
    server = await MemoryRegistry.start({ referrers: call });
    const layer = await tarOf([{ name: 'f', body: 'x' }]);
    const image = server.image('app', 'v1', [{ blob: layer, diffId: '' }]);
    const subject = ({ mediaType, digest, size }: typeof image) => ({ mediaType, digest, size });
    const signature = server.manifest(
      'app',
      document({
        artifactType: 'application/x-signature',
        layers: [{ ...server.blob(Buffer.from('signed')), mediaType: 'text/plain' }],
        subject: subject(image),
      }),
    );
    const seal = server.manifest('app', document({ artifactType: 'application/x-seal', subject: signature }));
    if (!call) {
      const tag = (of: string, entry: object) =>
        server.manifest('app', { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [entry] }, of.replace(':', '-'));
      tag(image.digest, { ...signature, artifactType: 'application/x-signature' });
      tag(signature.digest, { ...seal, artifactType: 'application/x-seal' });
    }
    const name = `${server.host}/app:v1`;
    expect(await referrers(name, false)).toEqual([['application/x-signature', signature.digest]]);
    expect(await referrers(name, false, 'text/none')).toEqual([]);

    const answers = await pull(name, true);
    expect(answers.at(-1)?.target?.digest).toBe(image.digest);
    await collect();
    expect(await referrers(name, true)).toEqual([['application/x-signature', signature.digest]]);
    expect(await referrers(`${server.host}/app@${signature.digest}`, true)).toEqual([['application/x-seal', seal.digest]]);

    const target = await MemoryRegistry.start({ referrers: false });
    const copy = `${target.host}/copy:v2`;
    try {
      const { images } = await engine.records.list(ctx, { filters: [] });
      await engine.records.create(ctx, { image: { ...images[0]!, name: copy }, sourceDateEpoch: undefined });
      await push(copy, true);
      expect([image, signature, seal].map(({ digest }) => target.manifests.has(`copy ${digest}`))).toEqual([true, true, true]);
      expect(await referrers(copy, false)).toEqual([['application/x-signature', signature.digest]]);
    } finally {
      await target.stop();
    }
  },
);

(hasRegistry ? test : test.skip)("an artifact goes to Debian's docker-registry and back", async () => {
  server = await MemoryRegistry.start();
  server.manifest(
    'model',
    document({
      artifactType: 'application/x-model',
      layers: [{ ...server.blob(Buffer.from('weights')), mediaType: 'application/x-weights' }],
    }),
    'v1',
  );
  const debian = await startRegistry();
  try {
    await pull(`${server.host}/model:v1`, false);
    const { images } = await engine.records.list(ctx, { filters: [] });
    const name = `${debian.host}/model:v1`;
    await engine.records.create(ctx, { image: { ...images[0]!, name }, sourceDateEpoch: undefined });
    await push(name, false);
    for (const each of [`${server.host}/model:v1`, name]) await engine.records.delete(ctx, { name: each, sync: true, target: undefined });
    expect(engine.blobFiles()).toEqual([]);
    await pull(name, true);
    expect(engine.blobFiles()).toHaveLength(3);
  } finally {
    await debian.stop();
  }
});
if (!hasRegistry) console.warn(`skipped: ${REGISTRY_BINARY} is not installed`);
