import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { createConnection, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Finding } from '@gantry/api/gantry/images/v1/images';
import { newContext } from '@gantry/rpc';
import { startEngine, type TestEngine } from '../testing/engine';
import { hasRegistry, startRegistry } from '../testing/registry';
import { mounted } from '../snapshots/testing/suite';
import { dockerArchive, type TestImage } from '../testing/tar';
import { checkCommand } from './command';

const ctx = newContext();
const layers = [
  [
    { name: 'd', type: 'directory' as const, mode: 0o755 },
    { name: 'd/f', body: 'base'.repeat(100) },
    { name: 'l', type: 'symlink' as const, linkname: 'd/f' },
  ],
  [
    { name: 'd/g', body: 'top' },
    { name: '.wh.l', body: '' },
  ],
];
let engine: TestEngine;

async function check(repair = false): Promise<Finding[]> {
  const found: Finding[] = [];
  for await (const { finding, summary } of engine.images.check(ctx, { repair })) {
    if (finding !== undefined) found.push(finding);
    if (summary !== undefined) expect(Number(summary.findings)).toBe(found.length);
  }
  return found;
}
const short = (findings: readonly Finding[]): string[] =>
  findings.map(({ problem, object, id, repaired }) => `${problem} ${object} ${id}${repaired ? ' repaired' : ''}`);
const blobPath = (digest: string): string => join(engine.data, 'content/blobs/sha256', digest.slice(7));

/** Changes one byte and nothing else that stat(2) would show, except ctime. */
function flip(path: string): void {
  const { atime, mtime } = statSync(path);
  const bytes = readFileSync(path);
  const at = Math.floor(bytes.length / 2);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(path, bytes);
  utimesSync(path, atime, mtime);
}

describe.each(['overlayfs', 'copy'])('with a registry behind it, on %s', (snapshotter) => {
  let registry: Awaited<ReturnType<typeof startRegistry>>;
  let image: TestImage;
  let ref: string;
  const available = hasRegistry ? test : test.skip;
  if (!hasRegistry) console.warn('skipped: docker-registry is not installed');

  beforeAll(async () => {
    if (!hasRegistry) return;
    registry = await startRegistry();
    const first = await startEngine();
    ref = `${registry.host}/check/a:1`;
    image = await dockerArchive([ref], layers, { gzip: true });
    await first.load(image.archive);
    for await (const { progress } of first.images.push(ctx, { ref, allTags: false, auth: undefined, platform: undefined }))
      if (progress?.error) throw new Error(progress.error);
    await first.stop();
  });
  afterAll(() => registry?.stop());
  beforeEach(async () => {
    engine = await startEngine({ snapshotter });
    if (!hasRegistry) return;
    for await (const { progress } of engine.images.pull(ctx, { ref, allTags: false, platform: undefined, auth: undefined }))
      if (progress?.error) throw new Error(progress.error);
  });
  afterEach(() => engine.stop());

  const root = (): string => join(engine.data, snapshotter === 'copy' ? 'snapshots-copy' : 'snapshots');
  /** Directory of the lowest layer: only it has d/f and the link. What a check laid out beside it goes behind its answer, so it is waited for. */
  const baseDirectory = async (): Promise<string> => {
    await engine.snapshots.cleanup(ctx, { snapshotter });
    const found = readdirSync(root()).filter(
      (name) =>
        existsSync(join(root(), name, 'fs/d/f')) &&
        lstatSync(join(root(), name, 'fs/l'), { throwIfNoEntry: false })?.isSymbolicLink() === true,
    );
    expect(found).toHaveLength(1);
    return found[0] ?? '';
  };

  available('a store that was pulled is clean', async () => {
    expect(short(await check())).toEqual([]);
  });

  available('attack 40: a layer edited on disk is named and unpacked again, unless a mount shows it', async () => {
    const base = await baseDirectory();
    const file = join(root(), base, 'fs/d/f');
    const resolved = (await engine.images.resolve(ctx, { ref, platform: undefined })).image;
    const { mounts } = await engine.snapshots.prepare(ctx, {
      snapshotter: '',
      key: 'container',
      parent: resolved?.chainId ?? '',
      labels: {},
    });
    flip(file);
    const [found] = await check();
    expect(found).toMatchObject({ problem: 'altered', object: 'snapshot', id: image.diffIds[0], detail: `${snapshotter}: /d/f differs` });
    if (snapshotter === 'overlayfs') {
      await mounted(mounts, async () => {
        expect((await check(true))[0]).toMatchObject({
          repaired: false,
          outcome: expect.stringContaining('it is in use by container: stop that first') as string,
        });
      });
    }
    expect(short(await check(true))).toEqual([`altered snapshot ${image.diffIds[0]} repaired`]);
    expect(readFileSync(file, 'utf8')).toBe('base'.repeat(100));
    expect(short(await check())).toEqual([]);
  });

  available('a missing tree is unpacked again', async () => {
    const base = await baseDirectory();
    rmSync(join(root(), base), { recursive: true });
    expect(short(await check())).toEqual([`missing snapshot ${image.diffIds[0]}`]);
    expect(short(await check(true))).toEqual([`missing snapshot ${image.diffIds[0]} repaired`]);
    expect(short(await check())).toEqual([]);
  });
  if (snapshotter !== 'overlayfs') return; // the rest does not depend on it

  available('attack 40: one byte flipped in every blob, one blob after the other, is named and pulled again', async () => {
    for (const name of engine.blobFiles()) {
      const digest = `sha256:${name}`;
      flip(blobPath(digest));
      expect(short(await check(true))).toEqual([`altered blob ${digest} repaired`]);
      expect(short(await check())).toEqual([]);
    }
    const [first = ''] = engine.blobFiles();
    flip(blobPath(`sha256:${first}`));
    expect(short(await check())).toContain(`altered blob sha256:${first}`);
  });

  available('attack 40: a missing blob is pulled again, also when the next start has forgotten it', async () => {
    const references = async (digest: string) =>
      Object.entries((await engine.content.info(ctx, { digest })).info?.labels ?? {})
        .filter(([label]) => label.startsWith('containerd.io/gc.ref.'))
        .sort();
    // Of an image without a container the layers on disk may go while its configuration is away; they are laid out again when they are needed.
    const { chainId: parent = '' } = (await engine.images.resolve(ctx, { ref, platform: undefined })).image ?? {};
    await engine.leases.create(ctx, { id: 'container', labels: {} });
    await engine.snapshots.prepare(newContext({ lease: 'container' }), { snapshotter: '', key: 'container', parent, labels: {} });
    // The start itself collects soon: before or after the check, as it comes.
    const ways = engine.blobFiles().flatMap((name) => [
      { digest: `sha256:${name}`, collected: false },
      { digest: `sha256:${name}`, collected: true },
    ]);
    for (const { digest, collected } of ways) {
      const before = await references(digest);
      rmSync(blobPath(digest));
      expect(short(await check())).toContain(`missing blob ${digest}`);
      await engine.restart({ snapshotter });
      if (collected) {
        await engine.leases.create(ctx, { id: 'collect', labels: {} });
        await engine.leases.delete(ctx, { id: 'collect', sync: true });
      }
      // Documents that are gone hide what they name, until they are back; what tells the source must be left.
      const left = (await check(true)).filter(({ repaired }) => !repaired);
      expect(left).toEqual([]);
      expect(await references(digest)).toEqual(before); // or a collection would take what it refers to
      expect(short(await check())).toEqual([]);
      expect((await engine.images.resolve(ctx, { ref, platform: undefined })).image?.id).toBe(image.id);
    }
  });

  available('files too much or gone, other modes, owners and links are found', async () => {
    const changes: [(fs: string) => void, string][] = [
      [(fs) => writeFileSync(join(fs, 'added'), ''), '/added is too much'],
      [(fs) => rmSync(join(fs, 'd/f')), '/d/f is gone'],
      [(fs) => execFileSync('chmod', ['4755', join(fs, 'd/f')]), '/d/f differs'],
      [(fs) => execFileSync('chown', ['7:7', join(fs, 'd')]), '/d differs'],
      [(fs) => execFileSync('ln', ['-sfn', '/etc/passwd', join(fs, 'l')]), '/l differs'],
    ];
    for (const [change, detail] of changes) {
      change(join(root(), await baseDirectory(), 'fs'));
      expect((await check(true))[0]).toMatchObject({
        problem: 'altered',
        id: image.diffIds[0],
        detail: `${snapshotter}: ${detail}`,
        repaired: true,
      });
    }
    expect(short(await check())).toEqual([]);
  });

  available('what a layer holds that lies below it already is nothing wrong, unless it differs', async () => {
    const base = join(root(), await baseDirectory(), 'fs/d/f');
    const top = readdirSync(root()).find((name) => existsSync(join(root(), name, 'fs/d/g'))) ?? '';
    const again = join(root(), top, 'fs/d/f');
    execFileSync('cp', ['-a', base, again]);
    expect(short(await check())).toEqual([]);
    flip(again);
    expect((await check(true))[0]).toMatchObject({ problem: 'altered', detail: `${snapshotter}: /d/f differs`, repaired: true });
    expect([existsSync(again), short(await check())]).toEqual([false, []]);
  });
});

describe('what nobody holds', () => {
  beforeEach(async () => {
    engine = await startEngine();
  });
  afterEach(() => engine.stop());

  test('orphans and leftovers are named and removed; what is held stays', async () => {
    const image = await dockerArchive(['a:1'], layers);
    await engine.load(image.archive);
    const orphan = 'f'.repeat(64);
    writeFileSync(blobPath(`sha256:${orphan}`), 'x');
    mkdirSync(join(engine.data, 'snapshots/4711/fs'), { recursive: true });
    mkdirSync(join(engine.data, 'snapshots-copy/new-abc/fs'), { recursive: true });
    const upload = join(engine.data, 'content/ingest/99');
    writeFileSync(upload, '');
    await engine.leases.create(ctx, {
      id: 'old',
      labels: { 'gantry.io/operation': 'pull', 'containerd.io/gc.expire': '2020-01-01T00:00:00Z' },
    });
    const expected = [
      `orphaned blob sha256:${orphan}`,
      'orphaned snapshot 4711',
      'orphaned snapshot new-abc',
      `leftover file ${upload}`,
      'leftover lease old',
    ];
    expect(short(await check())).toEqual(expected);
    expect(short(await check(true))).toEqual(expected.map((line) => `${line} repaired`));
    expect(short(await check())).toEqual([]);
    expect((await engine.images.resolve(ctx, { ref: 'a:1', platform: undefined })).image?.id).toBe(image.id);
  });

  test('an ingest that a crash left without its file is forgotten at the next start', async () => {
    await engine.halt();
    const db = new DatabaseSync(join(engine.data, 'metadata.db'));
    db.exec(
      "INSERT INTO ingests (id, ns, ref, total, expected, started, updated) VALUES (7, 'gantry', 'layer-x', 0, '', 1, 1); INSERT INTO leases VALUES ('gantry', 'l', '{}', 1); INSERT INTO lease_resources VALUES ('gantry', 'l', 'ingests', 'layer-x')",
    );
    db.close();
    await engine.restart();
    expect(short(await check())).toEqual([]);
    expect((await engine.leases.listResources(ctx, { id: 'l' })).resources).toEqual([]);
  });

  test('a blob of an archive that is altered is forgotten, and the archive brings it back', async () => {
    const image = await dockerArchive(['a:1'], layers, { gzip: true });
    await engine.load(image.archive);
    const layer =
      engine
        .blobFiles()
        .map((name) => `sha256:${name}`)
        .find((digest) => readFileSync(blobPath(digest))[0] === 0x1f) ?? '';
    flip(blobPath(layer));
    const [found] = await check(true);
    expect(found).toMatchObject({
      problem: 'altered',
      id: layer,
      repaired: false,
      outcome: expect.stringContaining('nothing tells where') as string,
    });
    expect(short(await check())).toEqual([`missing blob ${layer}`]);
    await engine.load(image.archive);
    expect(short(await check())).toEqual([]);
  });

  test('the command: through the service, refused while another has the store, alone afterwards; exit codes', async () => {
    await engine.load((await dockerArchive(['a:1'], layers)).archive);
    const lines: string[] = [];
    const write = jest.spyOn(process.stdout, 'write').mockImplementation((text) => lines.push(String(text)) > 0);
    const complain = jest.spyOn(process.stderr, 'write').mockImplementation((text) => lines.push(String(text)) > 0);
    const native = ['--native', join(__dirname, '../../../../dist/gantry-native')];
    const run = (...args: string[]): Promise<number> => checkCommand(['--root', join(engine.dir, 'd'), ...native, ...args], 'test');
    try {
      expect(await run('--run', join(engine.dir, 'r'))).toBe(0);
      expect(lines.splice(0)).toEqual([
        expect.stringMatching(/^checked 4 blobs \(\d+ bytes\) and 2 snapshots: 0 findings, 0 of them still true\n$/),
      ]);
      expect(await run('--run', join(engine.dir, 'nowhere'))).toBe(2);
      expect(lines.splice(0).join('')).toContain('another process has the store open');
      const slow = join(engine.dir, 'slow');
      mkdirSync(slow);
      const clients: Socket[] = [];
      const server = createServer((client) => {
        clients.push(client);
        if (clients.length === 1) return; // a service that does not come to answering
        const real = createConnection(join(engine.dir, 'r/images.sock'));
        client
          .on('error', () => undefined)
          .pipe(real)
          .on('error', () => undefined)
          .pipe(client);
      }).listen(join(slow, 'images.sock'));
      await once(server, 'listening');
      const late = ['--root', join(engine.dir, 'd'), ...native, '--run', slow];
      try {
        expect(await checkCommand(late, 'test', { first: 100, busy: 30_000 })).toBe(0);
      } finally {
        server.close();
        for (const client of clients) client.destroy();
      }
      expect([clients.length, lines.splice(0).length]).toEqual([2, 1]);
      await engine.halt();
      writeFileSync(blobPath(`sha256:${'e'.repeat(64)}`), 'x');
      expect(await run('--run', join(engine.dir, 'nowhere'))).toBe(1);
      expect(lines.splice(0)[0]).toMatch(/^orphaned blob sha256:eee/);
      expect(await run('--run', join(engine.dir, 'nowhere'), '--repair')).toBe(0);
      expect(lines.splice(0)[0]).toMatch(/; removed\n$/);
      expect(await run('--wrong')).toBe(2);
    } finally {
      write.mockRestore();
      complain.mockRestore();
    }
  });
});
