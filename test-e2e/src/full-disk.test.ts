import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasProgram, loadBusybox, startEngine, testWith } from './harness';

/** A file system of 100 MB; false when this machine has no loop devices. */
function mountSmall(target: string): boolean {
  try {
    execFileSync(
      'sh',
      ['-c', `truncate -s 100M ${target}.img && mkfs.ext4 -q ${target}.img && mkdir ${target} && mount -o loop ${target}.img ${target}`],
      { stdio: 'ignore' },
    );
    return true;
  } catch {
    return false;
  }
}

describe('a full data root', () => {
  const folder = mkdtempSync(join(tmpdir(), `gantry-e2e-${process.pid}-full-`));
  const small = join(folder, 'small');
  const mounted = mountSmall(small);
  if (!mounted) rmSync(folder, { recursive: true, force: true }); // of skipped tests afterAll is not called
  afterAll(() => {
    if (mounted) execFileSync('umount', ['-l', small]);
    rmSync(folder, { recursive: true, force: true });
  });

  testWith('loop device', mounted && hasProgram('mkfs.ext4'))(
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
