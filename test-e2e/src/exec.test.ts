import { describeEngine } from './harness';

describeEngine('docker exec', (suite) => {
  const { ok, docker } = suite;
  beforeAll(() => ok('run', '-d', '--name', 'host', '-e', 'FROM=image', 'busybox', 'sleep', '6000'));

  test('output, exit code and stdin', async () => {
    expect(await docker(['exec', 'host', 'sh', '-c', 'echo out; echo err >&2; exit 5'])).toEqual({
      code: 5,
      stdout: 'out\n',
      stderr: 'err\n',
    });
    expect(await docker(['exec', '-i', 'host', 'wc', '-c'], { input: 'y'.repeat(200_000) })).toEqual({
      code: 0,
      stdout: '200000\n',
      stderr: '',
    });
  });

  test('environment, user and working directory', async () => {
    expect(await ok('exec', '-e', 'A=1', '-u', 'alice', '-w', '/var', 'host', 'sh', '-c', 'echo $A $FROM $(id -un) $(pwd)')).toBe(
      '1 image alice /var',
    );
  });

  test('a command that is missing or not executable', async () => {
    const missing = await docker(['exec', 'host', 'nope']);
    expect(suite.engine.kind === 'dockerd' ? 127 : missing.code).toBe(127); // 126 from 20.10, 127 from later ones
    expect(missing.stdout + missing.stderr).toMatch(/executable file not found in \$PATH/);
    expect((await docker(['exec', 'host', '/etc/passwd'])).code).toBe(126);
  });

  test('a detached exec runs on', async () => {
    await ok('exec', '-d', 'host', 'sh', '-c', 'echo done > /tmp/flag');
    for (let i = 0; i < 100 && (await docker(['exec', 'host', 'cat', '/tmp/flag'])).stdout !== 'done\n'; i++);
    expect(await ok('exec', 'host', 'cat', '/tmp/flag')).toBe('done');
  });

  test('fifty at once', async () => {
    const results = await Promise.all(Array.from({ length: 50 }, (_, i) => docker(['exec', 'host', 'sh', '-c', `echo ${i}; exit ${i}`])));
    expect(results).toEqual(results.map((_, i) => ({ code: i, stdout: `${i}\n`, stderr: '' })));
  });
});
