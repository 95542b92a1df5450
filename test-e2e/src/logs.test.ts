import { describeEngine } from './harness';

describeEngine('docker logs', (suite) => {
  const { ok, docker } = suite;

  test('both streams, whole, at once after the end', async () => {
    await docker(['run', '--name', 'two', 'busybox', 'sh', '-c', 'for i in $(seq 1 2000); do echo o$i; echo e$i >&2; done']);
    const logs = await docker(['logs', 'two']);
    expect(logs.stdout.split('\n').filter(Boolean)).toEqual(Array.from({ length: 2000 }, (_, i) => `o${i + 1}`));
    expect(logs.stderr.split('\n').filter(Boolean)).toEqual(Array.from({ length: 2000 }, (_, i) => `e${i + 1}`));
  });

  test('tail, timestamps, since and until', async () => {
    expect(
      (await docker(['logs', '--tail', '2', 'two'])).stdout.split('\n').filter(Boolean).length +
        (await docker(['logs', '--tail', '2', 'two'])).stderr.split('\n').filter(Boolean).length,
    ).toBe(2);
    expect(
      (await docker(['logs', '-t', '--tail', '1', 'two'])).stderr + (await docker(['logs', '-t', '--tail', '1', 'two'])).stdout,
    ).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z [oe]2000$/m);
    expect(await ok('logs', '--since', '2100-01-01T00:00:00Z', 'two')).toBe('');
    expect(await ok('logs', '--until', '2001-01-01T00:00:00Z', 'two')).toBe('');
  });

  test('follow ends with the container and misses nothing', async () => {
    const id = await ok('run', '-d', 'busybox', 'sh', '-c', 'for i in 1 2 3 4 5; do echo line $i; sleep 0.2; done');
    expect((await docker(['logs', '-f', id])).stdout).toBe('line 1\nline 2\nline 3\nline 4\nline 5\n');
  });

  test('a long line and bytes that are not text survive', async () => {
    await docker([
      'run',
      '--name',
      'odd',
      'busybox',
      'sh',
      '-c',
      'head -c 100000 /dev/zero | tr "\\0" x; echo; printf "caf\\303\\251 \\001\\n"',
    ]);
    expect((await docker(['logs', 'odd'])).stdout).toBe(`${'x'.repeat(100_000)}\ncafé \u0001\n`);
  });
});
