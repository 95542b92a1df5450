import { kinds, loadBusybox, startEngine, type Engine } from './harness';

describe.each(kinds)('docker run on %s', (kind) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await startEngine(kind);
    await loadBusybox(engine);
  }, 120_000);
  afterAll(() => engine.destroy(), 120_000);

  const run = (...args: string[]) => engine.docker(['run', '--rm', ...args]);

  test('prints what the command prints and returns its exit code', async () => {
    expect(await run('busybox', 'echo', 'hello')).toEqual({ code: 0, stdout: 'hello\n', stderr: '' });
    expect(await run('busybox', 'sh', '-c', 'echo out; echo err >&2; exit 7')).toEqual({ code: 7, stdout: 'out\n', stderr: 'err\n' });
  });

  test.each([
    ['a command that is not there', ['nope'], 127, /executable file not found in \$PATH/],
    ['a path that is not there', ['/no/such'], 127, /no such file or directory/],
    ['a file that is not executable', ['/etc/passwd'], 126, /permission denied/],
  ])('%s has the exit code of docker', async (_what, argv, code, stderr) => {
    const result = await run('busybox', ...argv);
    expect(result.code).toBe(code);
    expect(result.stderr).toMatch(stderr);
  });

  test('a command that a signal ends has 128 + its number', async () => {
    expect((await run('--pid', 'host', 'busybox', 'sh', '-c', 'kill -9 $$')).code).toBe(137);
  });

  test('an unknown flag value and an unknown image are errors of the engine (125)', async () => {
    const missing = await run('--pull', 'never', 'no-such-image:1', 'true');
    expect(missing.code).toBe(125);
    expect(missing.stderr).toMatch(/No such image: no-such-image:1/);
  });

  test('stdin is piped through to its end', async () => {
    const result = await engine.docker(['run', '--rm', '-i', 'busybox', 'wc', '-c'], { input: 'x'.repeat(300_000) });
    expect(result).toEqual({ code: 0, stdout: '300000\n', stderr: '' });
  });

  test('environment, working directory, user, hostname and entrypoint', async () => {
    const result = await run(
      '-e',
      'A=1',
      '-w',
      '/var/www',
      '-u',
      'alice',
      '-h',
      'box',
      '--entrypoint',
      'sh',
      'busybox',
      '-c',
      'echo $A $(pwd) $(id -un) $(id -gn) $(hostname)',
    );
    expect(result.stdout).toBe('1 /var/www alice alice box\n');
  });

  test('limits are set', async () => {
    const result = await run(
      '-m',
      '64m',
      '--pids-limit',
      '77',
      '--cpus',
      '0.5',
      'busybox',
      'sh',
      '-c',
      'cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2>/dev/null || cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max /sys/fs/cgroup/cpu.max',
    );
    expect(result.stdout.split(/\s+/)).toEqual(expect.arrayContaining(['67108864', '77', '50000']));
  });
});
