import { newContext, openTicket } from '@gantry/rpc';
import { startEngine, type TestEngine } from '../testing/engine';
import { ociArchive, type TestPlatform } from '../testing/oci';
import { dockerArchive } from '../testing/tar';
import { readTar } from '@gantry/oci/tar';

const ctx = newContext();
const amd64 = { os: 'linux', architecture: 'amd64' };
const arm64 = { os: 'linux', architecture: 'arm64' };
const riscv = { os: 'linux', architecture: 'riscv64' };
const wire = ({ os, architecture, variant = '' }: TestPlatform) => ({ os, architecture, variant, osVersion: '' });
const name = 'docker.io/library/many:1';
const host = process.arch === 'arm64' ? arm64 : amd64;
const other = process.arch === 'arm64' ? amd64 : arm64;

let engine: TestEngine;
let many: Awaited<ReturnType<typeof ociArchive>>;
beforeEach(async () => {
  engine = await startEngine();
  many = await ociArchive(name, [amd64, arm64, riscv]);
  await engine.load(many.archive);
});
afterEach(() => engine.stop());

const idOf = (platform: TestPlatform): string => many.images.find((image) => image.platform === platform)?.id ?? '';
const manifestOf = (platform: TestPlatform): string => many.images.find((image) => image.platform === platform)?.manifest ?? '';
const resolve = async (platform?: TestPlatform) =>
  (await engine.images.resolve(ctx, { ref: 'many:1', platform: platform && wire(platform) })).image;
const remove = async (
  platforms: readonly TestPlatform[],
  options: { force?: boolean; uses?: { imageId: string; containerId: string; running: boolean; manifestDigest?: string }[] } = {},
) =>
  (
    await engine.images.remove(ctx, {
      ref: 'many:1',
      force: options.force ?? true,
      noPrune: false,
      uses: (options.uses ?? []).map((use) => ({ manifestDigest: '', ...use })),
      platforms: platforms.map(wire),
    })
  ).removed;
const available = async () =>
  (await engine.images.listManifests(ctx, { ref: 'many:1' })).manifests.filter((one) => one.available).map((one) => one.descriptor?.digest);

async function save(platforms: readonly TestPlatform[]): Promise<Map<string, Buffer>> {
  const { ticket } = await engine.images.save(ctx, { refs: ['many:1'], platforms: platforms.map(wire), from: '' });
  if (ticket === undefined) throw new Error('no ticket');
  const files = new Map<string, Buffer>();
  for await (const entry of readTar(await openTicket(ticket))) {
    const parts: Buffer[] = [];
    for await (const part of entry.body) parts.push(part);
    files.set(entry.name, Buffer.concat(parts));
  }
  return files;
}

test('inspect and history of each platform', async () => {
  expect(await resolve()).toMatchObject({ id: many.index, configDigest: idOf(host), manifest: { digest: manifestOf(host) } });
  for (const platform of [amd64, arm64, riscv]) {
    expect(await resolve(platform)).toMatchObject({
      id: many.index,
      configDigest: idOf(platform),
      platform: { architecture: platform.architecture },
    });
    expect((await engine.images.history(ctx, { ref: 'many:1', platform: wire(platform) })).items.map((item) => item.createdBy)).toEqual([
      platform.architecture,
    ]);
  }
  await expect(resolve({ os: 'linux', architecture: 's390x' })).rejects.toMatchObject({
    kind: 'notFound',
    message: expect.stringContaining('linux/s390x') as string,
  });
});

test("a container's tree, or a view, of another platform is unpacked when it is asked for", async () => {
  const of = async (platform: TestPlatform) => (await resolve(platform))?.chainId ?? '';
  const [foreign, third] = [await of(other), await of(riscv)];
  const unpacked = async () => (await engine.images.listManifests(ctx, { ref: 'many:1' })).manifests.map((one) => one.unpackedSize > 0n);
  for (const key of [foreign, third]) await engine.snapshots.remove(ctx, { snapshotter: '', key }); // as a build for several platforms leaves them
  expect((await unpacked()).filter(Boolean)).toHaveLength(1);
  await engine.snapshots.prepare(ctx, { snapshotter: '', key: 'container', parent: foreign, labels: {} });
  await engine.snapshots.view(ctx, { snapshotter: '', key: 'files', parent: third, labels: {} });
  expect((await unpacked()).filter(Boolean)).toHaveLength(3);
  await expect(
    engine.snapshots.prepare(ctx, { snapshotter: '', key: 'none', parent: `sha256:${'0'.repeat(64)}`, labels: {} }),
  ).rejects.toMatchObject({
    kind: 'notFound',
  });
  for (const key of ['container', 'files']) await engine.snapshots.remove(ctx, { snapshotter: '', key });
});

test('all manifests, with what is here of them', async () => {
  const { manifests } = await engine.images.listManifests(ctx, { ref: 'many:1' });
  expect(manifests.map(({ kind, available: here, platform }) => [kind, here, platform?.architecture])).toEqual([
    ['image', true, 'amd64'],
    ['image', true, 'arm64'],
    ['image', true, 'riscv64'],
    ['attestation', true, 'unknown'],
  ]);
  expect(manifests[3]).toMatchObject({ attestationFor: manifestOf(amd64) });
  expect(manifests[1]?.contentSize).toBeGreaterThan(0n);
  expect(manifests[1]?.unpackedSize).toBe(5n);
});

test('rmi of one platform takes its blobs and leaves the others; the last one takes the name', async () => {
  const before = engine.blobFiles().length;
  expect(await remove([other])).toEqual([{ untagged: '', deleted: manifestOf(other), imageId: many.index }]);
  const gone = other === amd64 ? 6 : 3; // with the attestation that was about it
  expect(engine.blobFiles()).toHaveLength(before - gone);
  await expect(resolve(other)).rejects.toMatchObject({ kind: 'notFound' });
  expect((await resolve())?.configDigest).toBe(idOf(host));
  await expect(remove([other])).rejects.toMatchObject({
    kind: 'notFound',
    message: expect.stringContaining('does not provide the specified platform') as string,
  });
  expect(await available()).toEqual(expect.arrayContaining([manifestOf(host), manifestOf(riscv)]));
  expect(await available()).not.toContain(manifestOf(other));
  const last = await remove([host, riscv]);
  expect(last).toContainEqual({ untagged: 'many:1', deleted: '', imageId: many.index });
  expect(engine.blobFiles()).toEqual([]);
  await engine.snapshots.cleanup(ctx, { snapshotter: '' });
  expect(engine.snapshotDirs()).toEqual([]);
});

test("an image is still one when this host's platform is gone from it", async () => {
  await remove([host]);
  expect(await resolve()).toMatchObject({ id: many.index, configDigest: idOf(other === amd64 ? amd64 : arm64) });
  expect(await remove([other])).toEqual([{ untagged: '', deleted: manifestOf(other), imageId: many.index }]);
  expect((await engine.images.list(ctx, { all: true, filters: {}, sharedSize: false })).images).toMatchObject([
    { id: many.index, repoTags: ['many:1'] },
  ]);
  expect((await engine.images.remove(ctx, { ref: 'many:1', force: false, noPrune: false, uses: [], platforms: [] })).removed).toEqual([
    { untagged: 'many:1', deleted: '', imageId: many.index },
    { untagged: '', deleted: many.index, imageId: many.index },
  ]);
});

test('a platform is only removed by force, never from under a running container', async () => {
  const use = { imageId: idOf(other), containerId: 'c'.repeat(64), running: false };
  await expect(remove([other], { force: false })).rejects.toMatchObject({
    kind: 'invalidArgument',
    message: expect.stringContaining('to force delete') as string,
  });
  await expect(remove([other], { uses: [{ ...use, running: true }], force: true })).rejects.toMatchObject({
    kind: 'conflict',
    message: expect.stringContaining('cannot be forced') as string,
  });
  expect(await remove([other], { uses: [use], force: true })).toHaveLength(1);
});

test('an image of one platform is removed as a whole by it, and by no other', async () => {
  const image = await dockerArchive(['one:1'], [[{ name: 'f', body: 'x' }]]);
  await engine.load(image.archive);
  const request = { ref: 'one:1', force: true, noPrune: false, uses: [] };
  await expect(engine.images.remove(ctx, { ...request, platforms: [wire(riscv)] })).rejects.toMatchObject({ kind: 'notFound' });
  expect((await engine.images.remove(ctx, { ...request, platforms: [wire(host)] })).removed[0]?.untagged).toBe('one:1');
});

test('save: one platform, two, all that are here', async () => {
  const blobs = (files: Map<string, Buffer>): string[] =>
    [...files.keys()].filter((file) => file.startsWith('blobs/')).map((file) => `sha256:${file.slice('blobs/sha256/'.length)}`);
  const one = await save([riscv]);
  expect(blobs(one)).toEqual(expect.arrayContaining([manifestOf(riscv), idOf(riscv)]));
  expect(blobs(one)).toHaveLength(3);
  expect(JSON.parse(one.get('manifest.json')?.toString() ?? '')).toMatchObject([{ Config: `blobs/sha256/${idOf(riscv).slice(7)}` }]);
  const two = await save([amd64, riscv]);
  expect(blobs(two)).toHaveLength(7);
  expect(blobs(two)).toContain(many.index);
  expect(blobs(await save([]))).toHaveLength(13);
  await remove([other]);
  const rest = await save([]);
  expect(blobs(rest)).not.toContain(manifestOf(other));
  expect(blobs(rest)).toEqual(expect.arrayContaining([manifestOf(host), manifestOf(riscv), many.index]));
  await expect(save([riscv, other])).rejects.toMatchObject({ kind: 'notFound' });
  // Also with one platform left: loaded again, it has the id that it had.
  await remove([riscv]);
  const last = JSON.parse((await save([])).get('index.json')?.toString() ?? '') as { manifests: { digest: string }[] };
  expect(last.manifests.map(({ digest }) => digest)).toEqual([many.index]);
});

test('load: the platforms asked for, and an error when one is not in the archive', async () => {
  await remove([amd64, arm64, riscv]);
  const load = async (archive: Buffer, platforms: readonly TestPlatform[]): Promise<void> => {
    for await (const answer of engine.images.load(ctx, { quiet: true, platforms: platforms.map(wire) })) {
      if (answer.ticket !== undefined) (await openTicket(answer.ticket)).on('error', () => undefined).end(archive);
    }
  };
  await load(many.archive, [riscv]);
  expect(await available()).toEqual([manifestOf(riscv)]);
  await expect(load(many.archive, [{ os: 'linux', architecture: 's390x' }])).rejects.toMatchObject({
    kind: 'notFound',
    message: expect.stringContaining('linux/s390x') as string,
  });
  await expect(load((await dockerArchive(['one:1'], [[{ name: 'f', body: 'x' }]])).archive, [riscv])).rejects.toMatchObject({
    kind: 'notFound',
  });
});
