import { describeEngine } from './harness';

describeEngine('what a stop gives back', (suite) => {
  const { ok } = suite;
  const obedient = ['busybox', 'sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.02; done'];

  test('its port is free when it answers, fifty times in a row', async () => {
    for (let turn = 0; turn < 50; turn++) {
      const name = `turn${turn}`;
      await ok('run', '-d', '--name', name, '-p', '127.0.0.1:18080:80', ...obedient);
      await ok('stop', name);
    }
    await ok('rm', ...Array.from({ length: 50 }, (_, turn) => `turn${turn}`));
  });

  test('as is that of one that ended by itself, when wait and stop answer', async () => {
    for (const verb of ['wait', 'stop', 'wait', 'stop', 'wait', 'stop']) {
      const id = await ok('run', '-d', '-p', '127.0.0.1:18080:80', 'busybox', 'true');
      await ok(verb, id);
      await ok('run', '--rm', '-p', '127.0.0.1:18080:80', 'busybox', 'true');
      await ok('rm', '-f', id);
    }
  });

  test('a commit that races the end of its container succeeds', async () => {
    for (let turn = 0; turn < 25; turn++) {
      const id = await ok('run', '-d', 'busybox', 'sh', '-c', 'echo x > /x');
      await ok('commit', id, 'raced');
      await ok('rm', '-f', id);
    }
    await ok('rmi', '-f', 'raced');
    await ok('image', 'prune', '-f');
  });
});
