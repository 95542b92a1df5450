import { describeEngine, dockerTakes } from './harness';

// Longer than 2^31 ms, which is 24.8 days: a timer of Node's would run after 1 ms.
const SECONDS = '3000000';

describeEngine('durations of months', (suite) => {
  const { ok } = suite;
  const slowToStop = ['busybox', 'sh', '-c', 'trap "sleep 1; exit 7" TERM; while :; do sleep 0.1; done'];
  const exitCode = (name: string): Promise<string> => ok('inspect', '-f', '{{.State.ExitCode}}', name);

  test('a container that is given so long to stop is not killed', async () => {
    await ok('run', '-d', '--name', 'patient', ...slowToStop);
    await ok('stop', '-t', SECONDS, 'patient');
    expect(await exitCode('patient')).toBe('7');
    await ok('rm', 'patient');
    await ok('run', '-d', '--name', 'patient', '--stop-timeout', SECONDS, ...slowToStop);
    await ok('stop', 'patient');
    expect(await exitCode('patient')).toBe('7');
    await ok('rm', 'patient');
  });

  test('a restart waits as long', async () => {
    await ok(
      'run',
      '-d',
      '--name',
      'patient',
      '-v',
      'patient:/v',
      'busybox',
      'sh',
      '-c',
      `trap "sleep 1; echo ended >> /v/log; exit 7" TERM; while :; do sleep 0.1; done`,
    );
    await ok('restart', '-t', SECONDS, 'patient');
    expect(await ok('exec', 'patient', 'cat', '/v/log')).toBe('ended');
    await ok('rm', '-fv', 'patient');
    await ok('volume', 'rm', 'patient');
  });

  test('health is looked at once in a month, and each look may last as long', async () => {
    const probed = ['--health-cmd', 'echo x >> /probes; sleep 1', '--health-timeout', '720h'];
    // Debian 12's CLI cannot say how often a starting container is looked at.
    const starting = (interval: string): string[] =>
      dockerTakes('--health-start-interval', 'run') ? ['--health-start-period', '720h', '--health-start-interval', interval] : [];
    await ok('run', '-d', '--name', 'monthly', ...probed, '--health-interval', '720h', ...starting('720h'), 'busybox', 'sleep', '600');
    await ok('run', '-d', '--name', 'slow', ...probed, '--health-interval', '1s', ...starting('1s'), 'busybox', 'sleep', '600');
    let health = '';
    for (let i = 0; i < 100 && health !== 'healthy'; i++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      health = await ok('inspect', '-f', '{{.State.Health.Status}}', 'slow');
    }
    expect(health).toBe('healthy');
    expect(await ok('inspect', '-f', '{{.State.Health.Status}} {{len .State.Health.Log}}', 'monthly')).toBe('starting 0');
    expect(await ok('exec', 'monthly', 'sh', '-c', 'ls / | grep -c probes || true')).toBe('0');
    await ok('rm', '-f', 'monthly', 'slow');
  });
});
