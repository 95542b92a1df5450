import { type Descriptor, mediaTypes, sha256 } from '@gantry/oci';
import { internal, newContext } from '@gantry/rpc';
import type { CacheExporter } from '../control/needs';
import type { FrontendResult } from '../frontend/frontend';
import { readExportChoice, Attributes } from './attributes';
import type { CollectedRecord } from './collect';
import { readConfig } from './config';
import { fakeSolver } from '../solver/testing/fakes';
import { makeCacheImports } from './import-caches';
import { CacheKeys } from './imported-keys';
import { inlineCacheExporter } from './inline';
import { inConfig } from './marshal';
import type { CacheOrigin, CacheTarget } from './place';
import { readCaches } from './read-cache';
import { machine, silent } from './testing/rig';
import { writeCache } from './write-cache';

const ctx = newContext();
const base = { name: 'docker-image://base' };
const one = { name: 'one', inputs: [base] };
const two = { name: 'two', inputs: [one] };

/** A registry in memory. */
function registry() {
  const blobs = new Map<string, Buffer>();
  let root: Descriptor | undefined;
  const target: CacheTarget = {
    async write(_ctx, { digest }, chunks) {
      const parts: Buffer[] = [];
      for await (const part of chunks(0)) parts.push(part);
      blobs.set(digest, Buffer.concat(parts));
    },
    finish: (_ctx, manifest, bytes) => {
      blobs.set(manifest.digest, bytes);
      root = manifest;
      return Promise.resolve();
    },
  };
  const origin = (into: Map<string, Buffer>): CacheOrigin => ({
    root: root ?? { mediaType: '', digest: sha256(''), size: 0 },
    read: (_ctx, { digest }) => Promise.resolve(blobs.get(digest) ?? Buffer.alloc(0)),
    fetch: (_ctx, { digest }) => {
      const bytes = blobs.get(digest);
      if (bytes === undefined) return Promise.reject(internal(`no ${digest}`));
      into.set(digest, bytes);
      return Promise.resolve();
    },
  });
  return { blobs, target, origin };
}

const choice = (attributes: Record<string, string>) => readExportChoice(new Attributes('test', new Map(Object.entries(attributes))));
const input = (result: FrontendResult) => ({ result, job: undefined as never, progress: silent });

async function imported(there: ReturnType<typeof registry>, here: ReturnType<typeof machine>): Promise<CacheKeys[]> {
  const origin = there.origin(here.content.blobs);
  return (await readCaches(origin, ctx)).map(
    (cache) => new CacheKeys('cache', cache, { ...here.brings, fetch: (asked, layer) => origin.fetch(asked, layer) }),
  );
}

describe.each([
  ['an image manifest', {}, mediaTypes.ociManifest],
  ['an index', { 'image-manifest': 'false' }, mediaTypes.ociIndex],
  ["docker's list", { 'oci-mediatypes': 'false' }, mediaTypes.dockerManifestList],
])('a cache as %s', (_, attributes, mediaType) => {
  it('mode max: another machine builds nothing, and afterwards knows it by itself; a step in the middle is there, too', async () => {
    const there = registry();
    const first = machine();
    const { value } = await first.build(two, [], (result) =>
      writeCache(first.writing, ctx, input(result), { choice: choice({ ...attributes, mode: 'max' }), target: there.target }),
    );
    expect((JSON.parse(value.get('cache.manifest') ?? '{}') as Descriptor).mediaType).toBe(mediaType);
    const second = machine();
    const built = await second.build(two, await imported(there, second), () => Promise.resolve());
    expect(built).toMatchObject({ ran: [], tree: 'docker-image://base|one|two' });
    expect((await second.build(two, [], () => Promise.resolve())).ran).toEqual([]);
    const third = machine();
    const other = await third.build({ name: 'three', inputs: [one] }, await imported(there, third), () => Promise.resolve());
    expect(other).toMatchObject({ ran: ['three'], tree: 'docker-image://base|one|three' });
    expect(first.refs.held + second.refs.held + third.refs.held).toBe(0);
  });

  it('mode min: the end is there, what lies below is made again', async () => {
    const there = registry();
    const first = machine();
    await first.build(two, [], (result) =>
      writeCache(first.writing, ctx, input(result), { choice: choice({ ...attributes, mode: 'min' }), target: there.target }),
    );
    const second = machine();
    expect((await second.build(two, await imported(there, second), () => Promise.resolve())).ran).toEqual([]);
  });
});

test('what comes from a cache is whole, with its times, in the cache that is written next', async () => {
  const [there, again] = [registry(), registry()];
  const first = machine();
  const write = (from: ReturnType<typeof machine>, to: ReturnType<typeof registry>) => (result: FrontendResult) =>
    writeCache(from.writing, ctx, input(result), { choice: choice({ mode: 'max' }), target: to.target });
  const { value: whole } = await first.build(two, [], write(first, there));
  const second = machine();
  const { ran, value: rewritten } = await second.build(two, await imported(there, second), write(second, again));
  expect([ran, rewritten]).toEqual([[], whole]);
  const third = machine();
  const next = { name: 'three', inputs: [one] };
  expect((await third.build(next, await imported(again, third), () => Promise.resolve())).ran).toEqual(['three']);
  expect(second.refs.held).toBe(0);
});

test('the same cache is written the same, whatever its keys are numbered and in which order they were made', () => {
  const layer = (name: string): Descriptor => ({ mediaType: mediaTypes.ociLayerGzip, digest: sha256(name), size: 1 });
  const written = ([root, left, right, top]: readonly [number, number, number, number], turned: boolean): string => {
    const record = (name: string, ...inputs: readonly number[]): CollectedRecord => ({
      digest: sha256(name),
      inputs: inputs.map((key) => [{ key, selector: '' }]),
      result: undefined,
    });
    const sides: [number, CollectedRecord][] = [
      [left, record('left', root)],
      [right, record('right', root)],
    ];
    const records = new Map<number, CollectedRecord>([
      [root, record('root')],
      ...(turned ? sides.reverse() : sides),
      [top, record('top', left, right)],
    ]);
    const stacks = new Map(
      [left, top].map((key) => [key, { layers: [layer('a'), layer(`of ${key === left ? 'left' : 'top'}`)], created: 1 }]),
    );
    return JSON.stringify(inConfig(records, stacks));
  };
  expect(written([1, 2, 3, 4], false)).toBe(written([9, 8, 7, 30], true));
});

test('by content: what looks at files is found in a cache though they were made in another way', async () => {
  const copy = (name: string) => ({ name: 'copy', inputs: [base, { name }] });
  const scripts = (refs: () => ReturnType<typeof machine>['refs']) => ({
    copy: { content: [1] },
    'local://a': { run: () => Promise.resolve([refs().make('files')]) },
    'local://b': { run: () => Promise.resolve([refs().make('files')]) },
    'local://c': { run: () => Promise.resolve([refs().make('files')]) },
  });
  const there = registry();
  const first: ReturnType<typeof machine> = machine(scripts(() => first.refs));
  await first.build(copy('local://a'), [], (result) =>
    writeCache(first.writing, ctx, input(result), { choice: choice({}), target: there.target }),
  );
  const second: ReturnType<typeof machine> = machine(scripts(() => second.refs));
  // Keys of trees that are gone here are keys all the same.
  const third: ReturnType<typeof machine> = machine(scripts(() => third.refs));
  await third.build(copy('local://a'), [], () => Promise.resolve());
  third.refs.contents.clear();
  expect((await third.build(copy('local://b'), await imported(there, third), () => Promise.resolve())).ran).toEqual(['local://b']);
  expect((await third.build(copy('local://c'), [], () => Promise.resolve())).ran).toEqual(['local://c']);
  const end = (name: string) => ({ name: 'end', inputs: [copy(name)] });
  expect((await second.build(copy('local://b'), await imported(there, second), () => Promise.resolve())).ran).toEqual(['local://b']);
  // From now on it is known here, too, without the cache and whoever made the files.
  expect((await second.build(end('local://a'), [], () => Promise.resolve())).ran).toEqual(['local://a', 'end']);
});

test('cache mounts travel when they are asked for, and leave alone what is here', async () => {
  const step = { name: 'run', inputs: [base], caches: ['npm', 'apt'] };
  const carry = async (attributes: Record<string, string>) => {
    const there = registry();
    const first = machine();
    first.refs.mounts.set('npm', 'packages').set('apt', 'lists');
    await first.build(step, [], (result) =>
      writeCache(first.writing, ctx, input(result), { choice: choice(attributes), target: there.target }),
    );
    const second = machine();
    second.refs.mounts.set('apt', 'newer lists');
    const origin = there.origin(second.content.blobs);
    const read = makeCacheImports({ ...second.brings, origins: new Map([['test', () => Promise.resolve(origin)]]) });
    const job = fakeSolver(second.keys, second.refs).job({ id: 'import', sessionIds: [] });
    await read(ctx, job, [{ type: 'test', attributes: new Map([['mounts', 'true']]) }]);
    await job.close();
    return Object.fromEntries(second.refs.mounts);
  };
  expect(await carry({ mounts: 'true' })).toEqual({ npm: 'packages', apt: 'newer lists' });
  expect(await carry({})).toEqual({ apt: 'newer lists' });
});

test('a cache that cannot be read fails its step, and the build goes on', async () => {
  const here = machine();
  const job = fakeSolver(here.keys, here.refs).job({ id: 'failing', sessionIds: [] });
  const read = makeCacheImports({ ...here.brings, origins: new Map([['test', () => Promise.reject(internal('not there'))]]) });
  expect(
    await read(ctx, job, [
      {
        type: 'test',
        attributes: new Map([
          ['name', 'x'],
          ['secret_access_key', 'geheim'],
        ]),
      },
    ]),
  ).toEqual([]);
  await expect(read(ctx, job, [{ type: 'carrier', attributes: new Map() }])).rejects.toThrow('unknown cache importer: carrier');
  await job.close();
  const told = job.progress.latest().map(({ name, error }) => [name, error]);
  expect(told).toEqual([['importing cache manifest from test,name=x', 'not there']]);
});

test('a layer that is gone from the cache is made again', async () => {
  const there = registry();
  const first = machine();
  await first.build(two, [], (result) =>
    writeCache(first.writing, ctx, input(result), { choice: choice({ mode: 'max' }), target: there.target }),
  );
  there.blobs.delete(sha256('two'));
  const second = machine();
  expect((await second.build(two, await imported(there, second), () => Promise.resolve())).ran).toEqual(['two']);
});

test('inline: the configuration of an image says which steps its layers are of', async () => {
  const first = machine();
  const exporter: CacheExporter = inlineCacheExporter(first.writing);
  const { value } = await first.build(two, [], async (result) =>
    exporter.open(new Map()).forImage?.(ctx, { result, platform: '', job: undefined as never }),
  );
  const layers = ['docker-image://base', 'one', 'two'].map((part): Descriptor => ({
    mediaType: mediaTypes.ociLayerGzip,
    digest: sha256(part),
    size: part.length,
  }));
  const config = Buffer.from(
    JSON.stringify({
      rootfs: { diff_ids: ['docker-image://base', 'one', 'two'].map((part) => sha256(`diff ${part}`)) },
      history: ['base', 'one', 'two'].map((part, at) => ({ created: `2020-01-0${at + 1}T00:00:00Z`, created_by: `RUN ${part}` })),
      'moby.buildkit.cache.v0': value?.toString('base64'),
    }),
  );
  const there = registry();
  for (const part of ['docker-image://base', 'one', 'two']) there.blobs.set(sha256(part), Buffer.from(part));
  there.blobs.set(sha256(config), config);
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: { mediaType: mediaTypes.ociConfig, digest: sha256(config), size: config.length },
      layers,
    }),
  );
  await there.target.finish(ctx, { mediaType: mediaTypes.ociManifest, digest: sha256(manifest), size: manifest.length }, manifest);
  const second = machine();
  expect(await second.build(two, await imported(there, second), () => Promise.resolve())).toMatchObject({
    ran: [],
    tree: 'docker-image://base|one|two',
  });
  // The layers are told as the image tells them.
  expect(second.refs.told).toContainEqual({ description: 'RUN two', created: new Date('2020-01-03T00:00:00Z') });
  const third = machine();
  expect((await third.build({ name: 'three', inputs: [one] }, await imported(there, third), () => Promise.resolve())).ran).toEqual([
    'three',
  ]);
});

test.each<[string, unknown, string]>([
  ['no object', [], 'invalid cache config'],
  ['a layer that is not there', { records: [{ digest: sha256('a'), layers: [{ layer: 3 }] }] }, 'invalid layer index: 3'],
  ['a record that is not there', { records: [{ digest: sha256('a'), inputs: [[{ link: 9 }]] }] }, 'invalid record index: 9'],
  ['an index below', { layers: [{ blob: sha256('a'), parent: -2 }] }, 'invalid index -2'],
  ['no digest', { records: [{ digest: 'random:x' }] }, 'invalid digest'],
  ['an input without links', { records: [{ digest: sha256('a'), inputs: [[]] }] }, 'invalid empty input'],
])('a configuration with %s is refused', (_, json, message) => {
  expect(() => readConfig(json)).toThrow(
    expect.objectContaining({ kind: 'invalidArgument', message: expect.stringContaining(message) as string }),
  );
});

test('records that lead to themselves, and layers that do, end', () => {
  const config = readConfig({
    layers: [{ blob: sha256('l'), parent: 0 }],
    records: [{ digest: sha256('a'), inputs: [[{ link: 0 }]], layers: [{ layer: 0 }] }],
  });
  expect(() => new CacheKeys('loop', { config, blobs: new Map() }, { ...machine().brings, fetch: () => Promise.resolve() })).toThrow(
    'looping layer',
  );
});

test('attributes that nobody knows are refused by name', () => {
  const open = () => inlineCacheExporter(machine().writing).open(new Map([['colour', 'red']]));
  expect(open).toThrow('unknown attribute of the inline cache: colour');
  expect(() => choice({ mode: 'medium' })).toThrow('invalid cache export mode: medium');
  expect(() => choice({ compression: 'estargz' })).toThrow('compression estargz is not supported');
  expect(() => choice({ compression: 'lz4' })).toThrow('unsupported compression type lz4');
});
