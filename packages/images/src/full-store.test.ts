import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newContext } from '@gantry/rpc';
import { startEngine, type TestEngine } from './testing/engine';
import { hasRegistry, startRegistry } from './testing/registry';
import { dockerArchive } from './testing/tar';

const ctx = newContext();
const small = [{ name: 'f', body: 'small' }];
const MEGABYTE = 1 << 20;

let place: string;
let engine: TestEngine;

beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'gi-full-'));
});
afterEach(async () => {
  await engine.stop();
  execFileSync('umount', [place]);
  rmdirSync(place);
});

async function startOn(options: string): Promise<void> {
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', place]);
  engine = await startEngine({}, place);
}

async function problems(): Promise<string[]> {
  const found: string[] = [];
  for await (const { finding } of engine.images.check(ctx, { repair: false }))
    if (finding !== undefined) found.push(`${finding.problem} ${finding.object} ${finding.id}: ${finding.detail}`);
  return found;
}

const free = (): number => statfsSync(place).bavail * statfsSync(place).bsize;

test('attack 55: a load that fills the disk says so, leaves nothing, and the next one works', async () => {
  await startOn('size=48m');
  await engine.load((await dockerArchive(['small:1'], [small])).archive);
  const before = free();
  for (const gzip of [false, true]) {
    const big = await dockerArchive(
      ['big:1'],
      [[{ name: 'first', body: randomBytes(10 * MEGABYTE) }], [{ name: 'second', body: randomBytes(40 * MEGABYTE) }]],
      { gzip },
    );
    await expect(engine.load(big.archive)).rejects.toMatchObject({
      message: expect.stringMatching(/no space left on device|unpacks to more than|disk is full/i) as string,
    });
    await engine.leases.create(ctx, { id: 'collect', labels: {} });
    await engine.leases.delete(ctx, { id: 'collect', sync: true });
    await engine.snapshots.cleanup(ctx, { snapshotter: '' });
    expect(await problems()).toEqual([]);
    expect(before - free()).toBeLessThan(4 * MEGABYTE);
  }
  const fits = await dockerArchive(['fits:1'], [[{ name: 'f', body: randomBytes(8 * MEGABYTE) }]]);
  await engine.load(fits.archive);
  expect((await engine.images.resolve(ctx, { ref: 'fits:1', platform: undefined })).image?.id).toBe(fits.id);
  await engine.restart();
  expect(await problems()).toEqual([]);
}, 180_000);

test('attack 55: no inodes left', async () => {
  await startOn('size=64m,nr_inodes=400');
  const many = Array.from({ length: 500 }, (_, at) => ({ name: `f${at}`, body: '' }));
  await expect(engine.load((await dockerArchive(['many:1'], [many])).archive)).rejects.toMatchObject({
    message: expect.stringMatching(/more than \d+ entries|no space left/i) as string,
  });
  await engine.snapshots.cleanup(ctx, { snapshotter: '' });
  await engine.load((await dockerArchive(['small:1'], [small])).archive);
  expect(await problems()).toEqual([]);
});

(hasRegistry ? test : test.skip)(
  'attack 55: a pull into a full disk fails, names the cause, and succeeds once there is room',
  async () => {
    const registry = await startRegistry();
    const source = await startEngine();
    const ref = `${registry.host}/full/a:1`;
    try {
      const image = await dockerArchive([ref], [[{ name: 'f', body: randomBytes(12 * MEGABYTE) }]]);
      await source.load(image.archive);
      for await (const { progress } of source.images.push(ctx, { ref, allTags: false, auth: undefined, platform: undefined }))
        if (progress?.error) throw new Error(progress.error);
      await startOn('size=40m');
      const filler = join(place, 'filler');
      writeFileSync(filler, Buffer.alloc(free() - 6 * MEGABYTE));
      const pull = async (): Promise<void> => {
        for await (const { progress } of engine.images.pull(ctx, { ref, allTags: false, platform: undefined, auth: undefined }))
          if (progress?.error) throw new Error(progress.error);
      };
      await expect(pull()).rejects.toMatchObject({
        message: expect.stringMatching(/no space left on device|unpacks to more than|disk is full/i) as string,
      });
      rmSync(filler);
      await pull();
      expect((await engine.images.resolve(ctx, { ref, platform: undefined })).image?.configDigest).toBe(image.configDigest);
      expect(await problems()).toEqual([]);
    } finally {
      await source.stop();
      await registry.stop();
    }
  },
  180_000,
);
if (!hasRegistry) console.warn('skipped: docker-registry is not installed');
