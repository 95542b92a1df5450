import { hasProgram, loadBusybox, startEngine, testWith, type Engine } from './harness';

/** As dockerd's configuration names a containerd shim. */
const supervisor = `runtimes:
  shimmed: {runtimeType: io.containerd.runc.v2, options: {BinaryName: runc}}
`;
/** The program that each runtime needs. */
const programs: Readonly<Record<string, string | undefined>> = {
  gantry: undefined,
  runc: undefined,
  'runc-binary': 'runc',
  crun: 'crun',
  'io.containerd.runc.v2': 'containerd-shim-runc-v2',
  shimmed: 'containerd-shim-runc-v2',
};

/** The same container under our runtime by both its names, under Debian's runc and crun, and under containerd's shim. */
describe('alternate runtimes', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await startEngine('gantry', { config: { supervisor } });
    await loadBusybox(engine);
  }, 120_000);
  afterAll(() => engine.destroy(), 180_000);

  const cases: [string, string[], Partial<{ code: number; stdout: string; stderr: string }>][] = [
    ['output', ['busybox', 'echo', 'hello'], { code: 0, stdout: 'hello\n' }],
    ['exit code', ['busybox', 'sh', '-c', 'exit 42'], { code: 42 }],
    ['a signal', ['--pid', 'host', 'busybox', 'sh', '-c', 'kill -TERM $$'], { code: 143 }],
    ['both streams', ['busybox', 'sh', '-c', 'echo o; echo e >&2'], { stdout: 'o\n', stderr: 'e\n' }],
    ['user', ['-u', 'alice', 'busybox', 'id', '-un'], { stdout: 'alice\n' }],
    ['working directory', ['-w', '/var', 'busybox', 'pwd'], { stdout: '/var\n' }],
    ['hostname', ['-h', 'box', 'busybox', 'hostname'], { stdout: 'box\n' }],
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
    [
      'capabilities',
      ['--cap-drop', 'ALL', '--cap-add', 'CHOWN', 'busybox', 'sh', '-c', 'grep CapEff /proc/self/status | cut -f2'],
      { stdout: '0000000000000001\n' },
    ],
    ['a read-only root', ['--read-only', 'busybox', 'touch', '/x'], { code: 1, stderr: 'touch: /x: Read-only file system\n' }],
    ['a missing command', ['busybox', 'nope'], { code: 127 }],
  ];

  describe.each(Object.keys(programs))('%s', (runtime) => {
    const program = programs[runtime];
    const runtimeTest = testWith(program ?? runtime, program === undefined || hasProgram(program));
    // The shim under another name shows that its configuration is taken; the rest is the same as under its own.
    const few = runtime === 'shimmed' && process.env['GANTRY_TEST_ALL'] !== '1';
    for (const [name, args, expected] of few ? cases.slice(0, 2) : cases) {
      runtimeTest(name, async () => {
        const result = await engine.docker(['run', '--rm', '--runtime', runtime, ...args]);
        expect(result).toMatchObject(expected);
      });
    }
    runtimeTest('logs are kept', async () => {
      await engine.docker(['run', '--name', `log-${runtime}`, '--runtime', runtime, 'busybox', 'seq', '1', '100']);
      expect((await engine.docker(['logs', `log-${runtime}`])).stdout).toBe(Array.from({ length: 100 }, (_, i) => `${i + 1}\n`).join(''));
      expect((await engine.docker(['inspect', '-f', '{{.HostConfig.Runtime}}', `log-${runtime}`])).stdout).toBe(`${runtime}\n`);
    });
    runtimeTest('input, exec, pause, update, top and stop reach a running container', async () => {
      const name = `long-${runtime}`;
      const typed = await engine.docker(['run', '-i', '--rm', '--runtime', runtime, 'busybox', 'sh', '-c', 'cat; exit 3'], {
        input: 'typed\n',
      });
      expect(typed).toMatchObject({ code: 3, stdout: 'typed\n' });
      expect(
        (
          await engine.docker([
            'run',
            '-d',
            '--name',
            name,
            '--runtime',
            runtime,
            '-p',
            '80',
            'busybox',
            'sh',
            '-c',
            'trap "exit 5" TERM; while :; do sleep 0.05; done',
          ])
        ).code,
      ).toBe(0);
      expect(await engine.docker(['exec', '-i', name, 'sh', '-c', 'cat; exit 4'], { input: 'inside\n' })).toMatchObject({
        code: 4,
        stdout: 'inside\n',
      });
      expect((await engine.docker(['exec', name, 'ls', '/sys/class/net'])).stdout).toContain('eth0');
      await engine.docker(['pause', name]);
      expect((await engine.docker(['inspect', '-f', '{{.State.Status}}', name])).stdout).toBe('paused\n');
      await engine.docker(['unpause', name]);
      expect(await engine.docker(['update', '-m', '30m', '--memory-swap', '60m', name])).toMatchObject({ code: 0 });
      expect(
        (
          await engine.docker([
            'exec',
            name,
            'sh',
            '-c',
            'cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max',
          ])
        ).stdout,
      ).toBe(`${30 << 20}\n`);
      expect((await engine.docker(['top', name])).stdout).toContain('sleep 0.05');
      expect((await engine.docker(['stats', '--no-stream', '--format', '{{.MemUsage}}', name])).stdout).toContain('30MiB');
      await engine.docker(['stop', name]);
      expect((await engine.docker(['inspect', '-f', '{{.State.ExitCode}}', name])).stdout).toBe('5\n');
      expect((await engine.docker(['rm', name])).code).toBe(0);
    });
  });
});
