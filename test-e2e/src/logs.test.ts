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

  test.each(['json-file', 'local'])('follow goes over rotations of %s and loses nothing', async (driver) => {
    const count = 3000;
    const script = `i=0; while [ $i -lt ${count} ]; do i=$((i+1)); echo line $i 0123456789012345678901234567890123456789; [ $((i%60)) = 0 ] && sleep 0.05; done`;
    const options = ['--log-driver', driver, '--log-opt', 'max-size=20k', '--log-opt', 'max-file=3'];
    const numbers = (text: string): number[] => text.split('\n').flatMap((line) => (line === '' ? [] : [Number(line.split(' ')[1])]));
    const upTo = (first: number): number[] => Array.from({ length: count - first + 1 }, (_, index) => first + index);
    for (const [name, ...flags] of [['all'], ['tail', '--tail', '3']]) {
      const id = await ok('run', '-d', '--name', `${driver}-${name}`, ...options, 'busybox', 'sh', '-c', `sleep 1; ${script}`);
      const followed = await docker(['logs', '-f', ...flags, id]);
      expect([followed.code, followed.stderr]).toEqual([0, '']);
      expect(numbers(followed.stdout)).toEqual(upTo(1));
    }
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
