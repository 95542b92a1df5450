import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canMakeDisks, loadBusybox, smallDisk, startEngine, testWith } from './harness';

describe('a full data root', () => {
  const disk = smallDisk(join(tmpdir(), `gantry-e2e-${process.pid}-full`), '100M');
  const small = disk.path;
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
});
