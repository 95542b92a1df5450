import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { buildSync } from 'esbuild';
import { LeasesService } from '@gantry/api/containerd/services/leases/v1/leases';
import { SnapshotsService } from '@gantry/api/containerd/services/snapshots/v1/snapshots';
import { ImagesServiceService } from '@gantry/api/gantry/images/v1/images';
import { connect, newContext, openTicket, type StreamTicket } from '@gantry/rpc';
import { nativeBinary } from './testing/engine';
import { hasRegistry, startRegistry } from './testing/registry';
import { dockerArchive } from './testing/tar';

/** Everyday; many more with GANTRY_TEST_ALL=1. */
const ROUNDS = process.env['GANTRY_TEST_ALL'] ? 100 : 10;
const ctx = newContext();
let dir: string;
let service: ChildProcess | undefined;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'gi-crash-'));
  buildSync({
    entryPoints: [join(__dirname, 'main.ts')],
    bundle: true,
    platform: 'node',
    target: 'node24',
    external: ['koffi'],
    outfile: join(dir, 'images.cjs'),
    nodePaths: [],
    logLevel: 'error',
  });
});
afterAll(async () => {
  await kill();
  rmSync(dir, { recursive: true, force: true });
});

async function start(): Promise<void> {
  const env = { ...process.env, NODE_PATH: join(__dirname, '../../../node_modules') };
  service = spawn(
    process.execPath,
    [
      join(dir, 'images.cjs'),
      '--root',
      join(dir, 'd'),
      '--run',
      join(dir, 'r'),
      '--native',
      nativeBinary(),
      '--log-level',
      'warn',
      '--metrics-address',
      'off',
    ],
    { stdio: 'inherit', env },
  );
  for (let tries = 0; tries < 1000; tries++) {
    const connection = connect(join(dir, 'r/images.sock'));
    const up = await connection
      .client(LeasesService)
      .list(ctx, { filters: [] })
      .then(
        () => true,
        () => false,
      );
    connection.close();
    if (up) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('service did not come up');
}

async function kill(): Promise<void> {
  const dying = service;
  service = undefined;
  if (dying === undefined) return;
  dying.kill('SIGKILL');
  await new Promise((resolve) => dying.once('exit', resolve));
}

async function load(archive: Buffer): Promise<void> {
  const connection = connect(join(dir, 'r/images.sock'));
  try {
    for await (const answer of connection.client(ImagesServiceService).load(ctx, { quiet: true, platforms: [] })) {
      if (answer.ticket !== undefined) await send(archive, answer.ticket);
    }
  } finally {
    connection.close();
  }
}

/** Sends without waiting; a service that dies meanwhile is the test's business elsewhere. */
async function send(archive: Buffer, ticket: StreamTicket): Promise<void> {
  const socket = await openTicket(ticket);
  socket.on('error', () => undefined);
  void pipeline(Readable.from([archive], { objectMode: false }), socket).catch(() => undefined);
}

async function pull(ref: string): Promise<void> {
  const connection = connect(join(dir, 'r/images.sock'));
  try {
    for await (const { progress } of connection
      .client(ImagesServiceService)
      .pull(ctx, { ref, allTags: false, platform: undefined, auth: undefined }))
      if (progress?.error) throw new Error(progress.error);
  } finally {
    connection.close();
  }
}

/** What `gantry-images check` says of the store that is served. */
async function problems(): Promise<string[]> {
  const found: string[] = [];
  const connection = connect(join(dir, 'r/images.sock'));
  for await (const { finding } of connection.client(ImagesServiceService).check(ctx, { repair: false }))
    if (finding !== undefined) found.push(`${finding.problem} ${finding.object} ${finding.id}: ${finding.detail}`);
  connection.close();
  return found;
}

async function remove(ref = 'a:1'): Promise<void> {
  const connection = connect(join(dir, 'r/images.sock'));
  await connection
    .client(ImagesServiceService)
    .remove(ctx, { ref, force: true, noPrune: false, uses: [], platforms: [] })
    .finally(() => connection.close());
}

test(`kill -9 at any moment of load, rmi and collection, ${ROUNDS} times: the store is right after each start`, async () => {
  const files = Array.from({ length: 300 }, (_, at) => ({
    name: `dir${at % 20}/file${at}`,
    body: createHash('sha256').update(String(at)).digest('hex').repeat(100),
  }));
  const image = await dockerArchive(['a:1'], [files, files.slice(0, 50).map((file) => ({ ...file, body: 'changed' }))], { gzip: true });
  for (let round = 0; round < ROUNDS; round++) {
    await start();
    expect(await problems()).toEqual([]);
    const work = (async () => {
      for (;;) {
        await load(image.archive);
        await remove();
      }
    })().catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 400));
    await kill();
    await work;
  }
  await start();
  check();
  await load(image.archive);
  const connection = connect(join(dir, 'r/images.sock'));
  const found = (await connection.client(ImagesServiceService).resolve(ctx, { ref: 'a:1', platform: undefined })).image;
  expect(found?.id).toBe(image.id);
  const snapshots = connection.client(SnapshotsService);
  const { mounts } = await snapshots.view(ctx, { snapshotter: '', key: 'look', parent: found?.chainId ?? '', labels: {} });
  const lower = mounts[0]?.options.find((option) => option.startsWith('lowerdir='))?.slice('lowerdir='.length);
  expect(readFileSync(join(lower?.split(':')[0] ?? mounts[0]?.source ?? '', 'dir1/file1'), 'utf8')).toBe('changed');
  await snapshots.remove(ctx, { snapshotter: '', key: 'look' });
  await remove();
  await connection.client(SnapshotsService).cleanup(ctx, { snapshotter: '' });
  connection.close();
  expect(readdirSync(join(dir, 'd/images/snapshots'))).toEqual([]);
  expect(readdirSync(join(dir, 'd/images/content/blobs/sha256'))).toEqual([]);
}, 600_000);

(hasRegistry ? test : test.skip)(
  `kill -9 at any moment of a pull, ${ROUNDS} times: the store checks clean, and a pull goes on where it was`,
  async () => {
    const registry = await startRegistry();
    const ref = `${registry.host}/crash/a:1`;
    try {
      await kill();
      const image = await dockerArchive(
        [ref],
        [
          [{ name: 'f', body: randomBytes(12 << 20) }],
          [
            { name: 'g', body: randomBytes(6 << 20) },
            { name: 'h', body: 'x' },
          ],
        ],
      );
      await start();
      await load(image.archive);
      const connection = connect(join(dir, 'r/images.sock'));
      for await (const { progress } of connection
        .client(ImagesServiceService)
        .push(ctx, { ref, allTags: false, auth: undefined, platform: undefined }))
        if (progress?.error) throw new Error(progress.error);
      connection.close();
      await remove(ref);
      for (let round = 0; round < ROUNDS; round++) {
        const work = (async () => {
          for (;;) {
            await pull(ref);
            await remove(ref);
          }
        })().catch(() => undefined);
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 500));
        await kill();
        await work;
        await start();
        expect(await problems()).toEqual([]);
      }
      await pull(ref);
      expect(await problems()).toEqual([]);
      await remove(ref);
    } finally {
      await kill();
      await registry.stop();
    }
  },
  600_000,
);
if (!hasRegistry) console.warn('skipped: docker-registry is not installed');

/** Every blob has its digest, and nothing lies about in trash and ingests. */
function check(): void {
  const content = join(dir, 'd/images/content');
  for (const name of readdirSync(join(content, 'blobs/sha256')))
    expect(
      createHash('sha256')
        .update(readFileSync(join(content, 'blobs/sha256', name)))
        .digest('hex'),
    ).toBe(name);
  expect(readdirSync(join(content, 'trash'))).toEqual([]);
  for (const name of readdirSync(join(dir, 'd/images/snapshots')))
    expect(existsSync(join(dir, 'd/images/snapshots', name, 'fs'))).toBe(true);
}
