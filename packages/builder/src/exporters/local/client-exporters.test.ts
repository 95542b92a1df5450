import { execFileSync } from 'node:child_process';
import { link, mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BytesMessage } from '@gantry/api/moby/filesync/v1/filesync';
import { formatPlatform, hostPlatform, sha256 } from '@gantry/oci';
import { locateProgram } from '@gantry/native';
import { alreadyExists, newContext } from '@gantry/rpc';
import type { Attestation, Outcome } from '../../frontend/frontend';
import type { Ref, Refs } from '../../refs/ref';
import type { Session } from '../../session/session';
import { ListingReader } from '../../sources/local/listing';
import { NextList } from '../../sources/local/next-list';
import { Outbox } from '../../sources/local/outbox';
import { Reception } from '../../sources/local/reception';
import { TreeWriter } from '../../sources/local/tree-writer';
import { MemoryStore } from '../../testing/memory-store';
import { makeArchiveExporters } from '../archive/archive-exporter';
import type { Exporter, ExportInput } from '../exporter';
import { makeTarExporter } from '../tar/tar-exporter';
import { readAttestations } from '../attestations/content';
import { makeLocalExporter } from './local-exporter';

let base: string;
let received: string;
let file: Buffer;
let metadata: Record<string, readonly string[]>;
let refuse = false;

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'export-'));
  received = join(base, 'received');
  await mkdir(received);
  refuse = false;
});
afterEach(() => rm(base, { recursive: true }));

/** A client that takes a folder, as buildx does, or a file. */
const session = (kind: 'folder' | 'file'): Session =>
  ({
    id: 's',
    serves: () => true,
    client: () => ({
      diffCopy: (_ctx: unknown, requests: AsyncIterable<Buffer>, options: { metadata: typeof metadata }) => {
        metadata = options.metadata;
        return kind === 'folder' ? takeFolder(requests) : takeFile(requests);
      },
    }),
  }) as unknown as Session;

async function* takeFolder(packets: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const out = new Outbox<Buffer>();
  const before = ListingReader.empty();
  const now = new NextList(join(base, `list-${Math.random()}`), before);
  const writer = async (): Promise<TreeWriter> => new TreeWriter(locateProgram('gantry-native', __dirname), received);
  const reception = new Reception({
    before,
    now,
    writer,
    out,
    everything: false,
    toldAgain: undefined,
    thinning: undefined,
    received: () => undefined,
  });
  const messages = { cancel: () => undefined, [Symbol.asyncIterator]: () => packets[Symbol.asyncIterator]() };
  const done = reception.run(messages).finally(() => out.end());
  done.catch(() => undefined);
  yield* out;
  await done;
  await now.end();
}

async function* takeFile(messages: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  if (refuse) throw alreadyExists('target already exists');
  const parts: Buffer[] = [];
  for await (const message of messages) parts.push(BytesMessage.decode(message).data);
  file = Buffer.concat(parts);
}

const refs = {
  withTree: (_ctx: unknown, ref: Ref | undefined, use: (path: string) => Promise<unknown>) => use(join(base, ref?.id ?? '')),
} as unknown as Refs;
const outcome = (id: string): Outcome =>
  ({ definition: undefined, tree: async () => ({ id, clone: () => undefined, release: () => undefined }) }) as unknown as Outcome;
const host = formatPlatform(hostPlatform());

async function tree(id: string): Promise<void> {
  const path = join(base, id);
  await mkdir(join(path, 'dir/empty'), { recursive: true });
  await writeFile(join(path, 'dir/big'), Buffer.alloc(600_000, 5), { mode: 0o640 });
  await writeFile(join(path, 'dir.d'), id);
  await link(join(path, 'dir.d'), join(path, 'same'));
  await symlink('/etc/passwd', join(path, 'out'));
  await utimes(join(path, 'dir/big'), 5, 5.25);
}

function run(
  exporter: Exporter | undefined,
  kind: 'folder' | 'file',
  attributes: Record<string, string>,
  change: Partial<ExportInput['result']> = {},
) {
  const input: ExportInput = {
    result: { outcomes: new Map([['', outcome('one')]]), metadata: new Map(), attestations: new Map(), ...change },
    sessions: { ids: ['s'], any: (use) => use(session(kind)) },
    progress: { status: () => undefined, log: () => undefined, warn: () => undefined },
    inlineCache: () => Promise.resolve(undefined),
  };
  return exporter?.open(new Map(Object.entries(attributes)), 3).export(newContext(), input) ?? Promise.reject(new Error('none'));
}

test('a folder at the client: contents, modes, times, links as they are', async () => {
  await tree('one');
  await run(makeLocalExporter(refs), 'folder', { dest: 'out' });
  expect(metadata).toEqual({ 'buildkit-attachable-exporter-id': ['3'] });
  expect(await readlink(join(received, 'out'))).toBe('/etc/passwd');
  const big = await stat(join(received, 'dir/big'));
  expect([big.size, big.mode & 0o777, big.mtimeMs]).toEqual([600_000, 0o640, 5250]);
  expect((await stat(join(received, 'same'))).nlink).toBe(2);
  expect(await readdir(join(received, 'dir/empty'))).toEqual([]);
});

const other = 'linux/s390x';
const platforms = {
  outcomes: new Map([
    [host, outcome('one')],
    [other, outcome('two')],
  ]),
  metadata: new Map([
    [
      'refs.platforms',
      Buffer.from(
        JSON.stringify({
          Platforms: [
            { ID: host, Platform: hostPlatform() },
            { ID: other, Platform: { os: 'linux', architecture: 's390x' } },
          ],
        }),
      ),
    ],
  ]),
};

test('a folder for each platform, or all in one where nothing lies in the way; times by the epoch', async () => {
  await Promise.all(['one', 'two'].map(tree));
  await run(makeLocalExporter(refs), 'folder', { 'source-date-epoch': '7' }, platforms);
  expect((await readdir(received)).sort()).toEqual([host.replaceAll('/', '_'), 'linux_s390x'].sort());
  expect([await readFile(join(received, 'linux_s390x/same'), 'utf8'), (await stat(join(received, 'linux_s390x/dir'))).mtimeMs]).toEqual([
    'two',
    7000,
  ]);
  await expect(run(makeLocalExporter(refs), 'folder', { 'platform-split': 'false' }, platforms)).rejects.toThrow(
    /cannot overwrite \S+ from \S+ with \S+ when split option is disabled/,
  );
});

const attestation: Attestation = {
  kind: 'in-toto',
  metadata: new Map(),
  path: 'sbom.json',
  predicateType: 'https://spdx.dev/Document',
  subjects: [],
  content: () => Promise.resolve(Buffer.from('{}')),
};

test.each([
  ['..', ''],
  ['a/..', ''],
  ['/', ''],
  ['sbom.json', '../up/'],
])('attack 45: a statement by the name %j with the prefix %j is written nowhere', async (path, prefix) => {
  await tree('one');
  const attestations = new Map([[host, [{ ...attestation, path }]]]);
  await expect(run(makeLocalExporter(refs), 'folder', { 'attestation-prefix': prefix }, { attestations })).rejects.toThrow('names no file');
});

test('statements lie beside what they are about', async () => {
  await tree('one');
  await run(makeLocalExporter(refs), 'folder', { 'attestation-prefix': 'my.' }, { attestations: new Map([[host, [attestation]]]) });
  const { subject } = JSON.parse(await readFile(join(received, 'my.sbom.json'), 'utf8')) as {
    subject: { name: string; digest: { sha256: string } }[];
  };
  expect(subject).toContainEqual({ name: 'dir.d', digest: { sha256: sha256(Buffer.from('one')).slice(7) } });
});

test('statements of a bundle keep their names; what describes the result comes first', async () => {
  await tree('one');
  const folder = join(base, 'statements');
  await mkdir(folder);
  const predicateType = 'https://spdx.dev/Document';
  for (const name of ['sbom-base.spdx.json', 'sbom.spdx.json'])
    await writeFile(join(folder, name), JSON.stringify({ predicateType, predicate: { name } }));
  const bundle: Attestation = {
    kind: 'bundle',
    metadata: new Map([['sbom-core', Buffer.from('sbom')]]),
    path: '',
    predicateType,
    subjects: [],
    tree: outcome('statements'),
  };
  const read = await readAttestations(refs, newContext(), [bundle]);
  expect(read.map(({ path }) => path)).toEqual(['sbom.spdx.json', 'sbom-base.spdx.json']);
  await run(makeLocalExporter(refs), 'folder', {}, { attestations: new Map([[host, [bundle]]]) });
  const { predicate } = JSON.parse(await readFile(join(received, 'sbom.spdx.json'), 'utf8')) as { predicate: unknown };
  expect(predicate).toEqual({ name: 'sbom.spdx.json' });
});

test('one tar, as tar reads it; a client that has it already is content', async () => {
  await tree('one');
  await writeFile(join(base, 'one', 'n'.repeat(120)), 'long');
  await run(makeTarExporter(refs), 'file', {});
  const unpacked = join(base, 'unpacked');
  await mkdir(unpacked);
  execFileSync('tar', ['-x', '-C', unpacked], { input: file });
  expect(execFileSync('diff', ['-r', '--no-dereference', join(base, 'one'), unpacked]).toString()).toBe('');
  expect((await stat(join(unpacked, 'dir/big'))).mtimeMs).toBe(5250);
  refuse = true;
  await run(makeTarExporter(refs), 'file', {});
});

describe('archives of images', () => {
  const store = new MemoryStore();
  const layer = Buffer.from('layer');
  const images = {
    ...refs,
    blobs: async () => [{ blob: { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', ...store.put(layer) }, diffId: sha256(layer) }],
    layers: () => [{ id: 'l' }],
  } as unknown as Refs;
  const exporter = (type: string) =>
    makeArchiveExporters({ services: store.services, refs: images }).find(({ types }) => types.includes(type));
  const members = () => execFileSync('tar', ['-t'], { input: file }).toString().trim().split('\n');
  const member = (name: string) => JSON.parse(execFileSync('tar', ['-xO', name], { input: file }).toString()) as unknown;

  test('OCI layout', async () => {
    const answer = await run(exporter('oci'), 'file', { name: 'app', 'source-date-epoch': '60' });
    expect(members()).toEqual(expect.arrayContaining(['blobs/sha256/', 'index.json', 'oci-layout']));
    expect(members()).not.toContain('manifest.json');
    expect(member('index.json')).toMatchObject({
      manifests: [
        {
          digest: answer.get('containerimage.digest'),
          annotations: {
            'io.containerd.image.name': 'docker.io/library/app:latest',
            'org.opencontainers.image.ref.name': 'latest',
            'org.opencontainers.image.created': '1970-01-01T00:01:00Z',
          },
        },
      ],
    });
    expect(metadata['exporter-md-containerimage.digest']).toEqual([answer.get('containerimage.digest')]);
    const first = file;
    await run(exporter('oci'), 'file', { name: 'app', 'source-date-epoch': '60' });
    expect(file.equals(first)).toBe(true);
  });

  test("docker's", async () => {
    await run(exporter('docker'), 'file', { name: 'app:1,x.test/y:2' });
    expect(member('manifest.json')).toMatchObject([
      { RepoTags: ['app:1', 'x.test/y:2'], Layers: [`blobs/sha256/${sha256(layer).slice(7)}`] },
    ]);
    await expect(run(exporter('docker'), 'file', {}, platforms)).rejects.toThrow(
      'docker exporter does not currently support exporting manifest lists',
    );
  });
});
