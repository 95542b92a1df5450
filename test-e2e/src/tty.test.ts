import { describeEngine, onTerminal } from './harness';

describeEngine('terminals', (suite) => {
  const { ok } = suite;

  test('run -it: a shell, its size and its exit code', async () => {
    const term = onTerminal(suite.engine.socket, ['run', '--rm', '-it', 'busybox', 'sh'], { rows: 33, columns: 101 });
    await term.sees(/# /);
    term.type('stty size; tty; echo "an""swer"\n');
    await term.sees(/33 101/);
    await term.sees(/\/dev\/pts\/\d/);
    await term.sees(/answer/);
    term.type('exit 4\n');
    expect(await term.code).toBe(4);
  });

  test('ctrl-c reaches the foreground process', async () => {
    const term = onTerminal(suite.engine.socket, [
      'run',
      '--rm',
      '-it',
      'busybox',
      'sh',
      '-c',
      'trap "echo caught; exit 9" INT; echo ready; while :; do sleep 0.1; done',
    ]);
    await term.sees(/ready/);
    term.type('\x03');
    await term.sees(/caught/);
    expect(await term.code).toBe(9);
  });

  test('detach with ctrl-p ctrl-q, attach again', async () => {
    await ok('run', '-dit', '--name', 'kept', 'busybox', 'sh');
    const first = onTerminal(suite.engine.socket, ['attach', 'kept']);
    await new Promise((resolve) => setTimeout(resolve, 300));
    first.type('echo fi""rst\n');
    await first.sees(/first/);
    first.type('\x10\x11');
    await first.code;
    expect(await ok('inspect', '-f', '{{.State.Running}}', 'kept')).toBe('true');
    const second = onTerminal(suite.engine.socket, ['attach', 'kept']);
    await new Promise((resolve) => setTimeout(resolve, 300));
    second.type('echo se""cond; exit 6\n');
    await second.sees(/second/);
    expect(await second.code).toBe(6);
    await ok('rm', 'kept');
  });

  test('exec -it', async () => {
    await ok('run', '-d', '--name', 'inside', 'busybox', 'sleep', '600');
    const term = onTerminal(suite.engine.socket, ['exec', '-it', 'inside', 'sh'], { rows: 20, columns: 60 });
    await term.sees(/# /);
    term.type('stty size; exit 3\n');
    await term.sees(/20 60/);
    expect(await term.code).toBe(3);
    await ok('rm', '-f', 'inside');
  });
});
