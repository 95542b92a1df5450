import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endPlanners, hasProgram, loadBusybox, startEngine, testWith, until, writeCommand, type Engine, succeeding } from './harness';

/** gantry-runc as a runtime of Debian's dockerd: `--add-runtime`. With GANTRY_E2E_PEER=1 its own runc too. */
const runtimes = process.env['GANTRY_E2E_PEER'] ? ['gantry', 'runc'] : ['gantry'];
const able = hasProgram('dockerd');
const dockerTest = testWith('dockerd', able);

describe('below dockerd', () => {
  let engine: Engine;
  let folder: string;
  beforeAll(async () => {
    if (!able) return;
    folder = mkdtempSync(join(tmpdir(), `gantry-e2e-${process.pid}-`));
    engine = await startEngine('dockerd', { args: ['--add-runtime', `gantry=${writeCommand(folder, 'gantry-runc')}`] });
    await loadBusybox(engine);
  }, 180_000);
  afterAll(async () => {
    await engine?.destroy();
    await endPlanners();
    if (able) rmSync(folder, { recursive: true });
  }, 180_000);

  const cases: [string, string[], Partial<{ code: number; stdout: string; stderr: string }>][] = [
    ['output', ['busybox', 'sh', '-c', 'echo o; echo e >&2'], { code: 0, stdout: 'o\n', stderr: 'e\n' }],
    ['exit code', ['busybox', 'sh', '-c', 'exit 42'], { code: 42 }],
    ['a missing command', ['busybox', 'nosuch'], { code: 127 }],
    ['a folder as command', ['busybox', '/etc'], { code: 126 }],
    [
      'memory',
      ['-m', '40m', 'busybox', 'sh', '-c', 'cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max'],
      { stdout: '41943040\n' },
    ],
    [
      'pids',
      ['--pids-limit', '55', 'busybox', 'sh', '-c', 'cat /sys/fs/cgroup/pids/pids.max 2>/dev/null || cat /sys/fs/cgroup/pids.max'],
      { stdout: '55\n' },
    ],
    ['out of memory', ['-m', '20m', '--memory-swap', '20m', 'busybox', 'tail', '/dev/zero'], { code: 137 }],
    ['an init', ['--init', 'busybox', 'sh', '-c', 'exit 9'], { code: 9 }],
    [
      'fewer rights',
      [
        '--cap-drop',
        'ALL',
        '--security-opt',
        'no-new-privileges',
        '--read-only',
        '-u',
        '1000',
        'busybox',
        'sh',
        '-c',
        'id -u; grep CapBnd /proc/self/status; touch /x 2>&1',
      ],
      { code: 1, stdout: '1000\nCapBnd:\t0000000000000000\ntouch: /x: Read-only file system\n' },
    ],
    ['host namespaces', ['--ipc', 'host', '--pid', 'host', '--uts', 'host', '--network', 'host', 'busybox', 'true'], { code: 0 }],
  ];

  describe.each(runtimes)('%s', (runtime) => {
    for (const [name, args, expected] of cases) {
      dockerTest(name, async () => {
        expect(await engine.docker(['run', '--rm', '--runtime', runtime, ...args])).toMatchObject(expected);
      });
    }

    dockerTest('terminal, exec, pause, update, kill, restart; nothing is left', async () => {
      const ok = succeeding((args) => engine.docker(args));
      const limit = 'cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max';
      const id = await ok('run', '-dt', '--runtime', runtime, '-m', '40m', 'busybox', 'sh', '-c', 'tty; exec sleep 6000');
      await until('the name of the terminal', async () => (await ok('logs', id)) !== '');
      expect(await ok('logs', id)).toBe('/dev/pts/0');
      expect(await engine.docker(['exec', '-i', id, 'sh', '-c', 'cat; exit 7'], { input: 'typed' })).toMatchObject({
        code: 7,
        stdout: 'typed',
      });
      expect(await ok('exec', '-t', id, 'tty')).toBe('/dev/pts/1');
      expect((await engine.docker(['exec', id, 'nosuch'])).code).toBe(126);
      await ok('pause', id);
      expect(await ok('inspect', '-f', '{{.State.Status}}', id)).toBe('paused');
      await ok('unpause', id);
      expect(await ok('top', id)).toContain('sleep 6000');
      await ok('update', '-m', '50m', '--memory-swap', '50m', id);
      expect(await ok('exec', id, 'sh', '-c', limit)).toBe('52428800');
      await ok('restart', '-t', '0', id);
      await ok('kill', id);
      expect(await ok('wait', id)).toBe('137');
      await ok('rm', id);
      expect(readdirSync(join(engine.run, 'runtime-runc/moby'))).toEqual([]);
    });
  });
});
