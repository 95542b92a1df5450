import { statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stillLeftOfBuilds } from './build-crash/left';
import { buildByApi } from './builds/by-api';
import { canMakeDisks, loadBusybox, removeGroups, smallDisk, startEngine, testWith, until } from './harness';

describe('a full data root', () => {
  const disk = smallDisk(join(tmpdir(), `gantry-e2e-${process.pid}-full`), '100M');
  const small = disk.path;
  const group = `/gantry-full-${process.pid}`;
  beforeAll(() => disk.make());
  afterAll(() => disk.remove());

  testWith('loop device', canMakeDisks())(
    'what filled it can be stopped and removed, and then all goes on',
    async () => {
      const engine = await startEngine('gantry', { args: ['--root', small] });
      try {
        await loadBusybox(engine);
        await engine.docker(['run', '-d', '--name', 'logs', 'busybox', 'sh', '-c', 'while :; do echo full; done']);
        const filled = await engine.docker(['run', '--name', 'fills', 'busybox', 'dd', 'if=/dev/zero', 'of=/big', 'bs=1M', 'count=200']);
        expect([filled.code, filled.stderr]).toEqual([1, expect.stringContaining('No space left on device')]);
        const refused = await engine.docker(['run', '--rm', 'busybox', 'true']);
        expect([refused.code, refused.stderr]).toEqual([125, expect.stringMatching(/no space left on device|database or disk is full/i)]);
        expect((await engine.docker(['ps', '-aq'])).stdout.trim().split('\n')).toHaveLength(2);
        expect(await engine.docker(['stop', '-t', '0', 'logs'])).toMatchObject({ code: 0 });
        expect(await engine.docker(['rm', '-f', 'fills', 'logs'])).toMatchObject({ code: 0 });
        expect(await engine.docker(['run', '--rm', 'busybox', 'echo', 'goes on'])).toMatchObject({ code: 0, stdout: 'goes on\n' });
      } finally {
        await engine.destroy();
      }
    },
    120_000,
  );

  testWith('loop device', canMakeDisks())(
    'a build that fills it is told so, leaves nothing, and the next one works',
    async () => {
      const engine = await startEngine('gantry', { args: ['--root', small], config: { build: `cgroup-parent: ${group}\n` } });
      try {
        await loadBusybox(engine);
        const free = (): number => {
          const { bavail, bsize } = statfsSync(small);
          return bavail * bsize;
        };
        const before = free();
        const big = `FROM busybox\nRUN echo small > /small\nRUN dd if=/dev/zero of=/big bs=1M count=200\n`;
        const full = await buildByApi(engine, big);
        expect([full.error, full.told]).toEqual([
          expect.stringContaining('non-zero code: 1'),
          expect.stringContaining('No space left on device'),
        ]);
        // A context that does not fit is told, too.
        const context = await buildByApi(engine, 'FROM busybox\nCOPY . /all/\n', { files: { large: 'x'.repeat(110 << 20) } });
        expect(context.error).toMatch(/no space left on device|database or disk is full/i);
        expect(await stillLeftOfBuilds(engine, group)).toEqual([]);
        const next = await buildByApi(engine, 'FROM busybox\nRUN echo small > /small\nRUN cat /small\n', { query: { t: 'next' } });
        expect([next.error, next.told]).toEqual(['', expect.stringMatching(/Using cache[^]*small\n/)]);
        expect(await engine.docker(['run', '--rm', 'next', 'cat', '/small'])).toMatchObject({ code: 0, stdout: 'small\n' });
        await until('the space to be free again', () => before - free() < 4 << 20);
      } finally {
        await engine.destroy();
        await removeGroups(group);
      }
    },
    180_000,
  );
});
