import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canHoldProjects, canMakeDisks, type Engine, loadBusybox, smallDisk, startEngine, succeeding, testWith } from './harness';

// Sizes of volumes and of containers' own layers. `tools/guest quota` shows more of them, on ext4 and xfs.

const NEEDED = "--storage-opt is supported only for overlay over xfs with 'pquota' mount option";
const folder = (name: string): string => join(tmpdir(), `gantry-e2e-${process.pid}-${name}`);

async function onDisk(disk: ReturnType<typeof smallDisk>, config: string, use: (engine: Engine) => Promise<void>): Promise<void> {
  disk.make();
  try {
    const engine = await startEngine('gantry', { args: ['--root', disk.path], config: { images: config } });
    try {
      await loadBusybox(engine);
      await use(engine);
    } finally {
      await engine.destroy();
    }
  } finally {
    disk.remove();
  }
}

testWith('loop device', canMakeDisks())(
  'a file system without project quotas refuses sizes by name, and nothing is left',
  () =>
    onDisk(smallDisk(folder('plain'), '100M'), '', async (engine) => {
      const refusals: readonly (readonly [string, ...string[]])[] = [
        ['create small: quota size requested but no quota support', 'volume', 'create', '--opt', 'size=1M', 'small'],
        ["create small: invalid size: 'much'", 'volume', 'create', '--opt', 'size=much', 'small'],
        [NEEDED, 'create', '--storage-opt', 'size=1G', '--name', 'one', 'busybox'],
        [NEEDED, 'run', '--storage-opt', 'size=0', '--name', 'one', 'busybox'],
        ["invalid size: 'x'", 'run', '--storage-opt', 'size=x', '--name', 'one', 'busybox'],
        ['Unknown option other', 'run', '--storage-opt', 'other=1', '--name', 'one', 'busybox'],
        [
          'create of: quota size requested but no quota support',
          ...['run', '--name', 'one', '--mount', 'type=volume,src=of,dst=/v,volume-opt=size=1M', 'busybox'],
        ],
      ];
      for (const [words, ...args] of refusals) {
        const { code, stderr } = await engine.docker(args);
        expect([code === 0, stderr]).toEqual([false, expect.stringContaining(`Error response from daemon: ${words}`)]);
      }
      const ok = succeeding((args) => engine.docker(args));
      expect([await ok('ps', '-aq'), await ok('volume', 'ls', '-q')]).toEqual(['', '']);
      expect(await ok('run', '--rm', '--name', 'one', '-v', 'small:/v', 'busybox', 'echo', 'fine')).toBe('fine');
      await ok('volume', 'create', '--opt', 'size=0', 'unbounded');
    }),
  120_000,
);

testWith('project quotas', canHoldProjects())(
  'ext4 with project quotas holds a volume, a container that says a size, and one that does not',
  () =>
    onDisk(smallDisk(folder('held'), '200M', 'prjquota', 'quota,project'), 'container-size: 10M\n', async (engine) => {
      const ok = succeeding((args) => engine.docker(args));
      const writes = async (path: string, count: number, ...args: string[]): Promise<boolean> => {
        const { code, stderr } = await engine.docker([
          'run',
          '--rm',
          ...args,
          'busybox',
          'dd',
          'if=/dev/zero',
          `of=${path}`,
          'bs=1M',
          `count=${count}`,
        ]);
        if (code !== 0) expect(stderr).toMatch(/No space left on device|quota exceeded/i);
        return code === 0;
      };
      await ok('volume', 'create', '--opt', 'size=5M', 'small');
      await ok('volume', 'create', 'other');
      expect(await ok('volume', 'inspect', '-f', '{{json .Options}}', 'small')).toBe('{"size":"5M"}');
      expect([await writes('/v/f', 8, '-v', 'small:/v'), await writes('/v/f', 8, '-v', 'other:/v')]).toEqual([false, true]);
      expect([await writes('/f', 12), await writes('/f', 8), await writes('/f', 12, '--storage-opt', 'size=20M')]).toEqual([
        false,
        true,
        true,
      ]);
      await ok('volume', 'rm', 'small', 'other');
    }),
  120_000,
);
