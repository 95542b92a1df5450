import { hasProgram, loadBusybox, startEngine, testWith, type Engine } from './harness';

/** The same container under our runtime and under Debian's runc and crun, through the same shim. */
describe('alternate runtimes', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await startEngine();
    await loadBusybox(engine);
  }, 120_000);
  afterAll(() => engine.destroy(), 60_000);

  const cases: [string, string[], Partial<{ code: number; stdout: string; stderr: string }>][] = [
    ['output', ['busybox', 'echo', 'hello'], { code: 0, stdout: 'hello\n' }],
    ['exit code', ['busybox', 'sh', '-c', 'exit 42'], { code: 42 }],
    ['a signal', ['--pid', 'host', 'busybox', 'sh', '-c', 'kill -TERM $$'], { code: 143 }],
    ['both streams', ['busybox', 'sh', '-c', 'echo o; echo e >&2'], { stdout: 'o\n', stderr: 'e\n' }],
    ['user', ['-u', 'alice', 'busybox', 'id', '-un'], { stdout: 'alice\n' }],
    ['working directory', ['-w', '/var', 'busybox', 'pwd'], { stdout: '/var\n' }],
    ['hostname', ['-h', 'box', 'busybox', 'hostname'], { stdout: 'box\n' }],
    ['memory', ['-m', '40m', 'busybox', 'sh', '-c', 'cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max'], { stdout: '41943040\n' }],
    ['pids', ['--pids-limit', '55', 'busybox', 'sh', '-c', 'cat /sys/fs/cgroup/pids/pids.max 2>/dev/null || cat /sys/fs/cgroup/pids.max'], { stdout: '55\n' }],
    ['capabilities', ['--cap-drop', 'ALL', '--cap-add', 'CHOWN', 'busybox', 'sh', '-c', 'grep CapEff /proc/self/status | cut -f2'], { stdout: '0000000000000001\n' }],
    ['a read-only root', ['--read-only', 'busybox', 'touch', '/x'], { code: 1, stderr: 'touch: /x: Read-only file system\n' }],
    ['a missing command', ['busybox', 'nope'], { code: 127 }],
  ];

  describe.each(['gantry', 'runc', 'crun'])('%s', (runtime) => {
    const runtimeTest = testWith(runtime, runtime === 'gantry' || hasProgram(runtime));
    for (const [name, args, expected] of cases) {
      runtimeTest(name, async () => {
        const result = await engine.docker(['run', '--rm', '--runtime', runtime, ...args]);
        expect(result).toMatchObject(expected);
      });
    }
    runtimeTest('logs are kept', async () => {
      await engine.docker(['run', '--name', `log-${runtime}`, '--runtime', runtime, 'busybox', 'seq', '1', '100']);
      expect((await engine.docker(['logs', `log-${runtime}`])).stdout).toBe(Array.from({ length: 100 }, (_, i) => `${i + 1}\n`).join(''));
    });
  });
});
