import { describeEngine, until } from './harness';

describeEngine('the life of a container', (suite) => {
  const { ok } = suite;
  const state = (name: string) => ok('inspect', '-f', '{{.State.Status}}', name);

  test('create, start, stop, start, restart, kill, rm', async () => {
    await ok('create', '--name', 'life', 'busybox', 'sh', '-c', 'trap "exit 3" TERM; echo ready; while :; do sleep 0.1; done');
    expect(await state('life')).toBe('created');
    await ok('start', 'life');
    expect(await state('life')).toBe('running');
    await until('the handler to be there', async () => (await ok('logs', 'life')) === 'ready');
    await ok('stop', 'life');
    expect(await ok('inspect', '-f', '{{.State.Status}} {{.State.ExitCode}} {{.State.Running}} {{.State.Pid}}', 'life')).toBe(
      'exited 3 false 0',
    );
    await ok('start', 'life');
    await ok('restart', '-t', '1', 'life');
    expect(await state('life')).toBe('running');
    await ok('kill', 'life');
    expect(await ok('wait', 'life')).toBe('137');
    await ok('rm', 'life');
    expect((await suite.docker(['inspect', 'life'])).code).toBe(1);
  });

  test('pause stops the processes, unpause lets them go on', async () => {
    await ok('run', '-d', '--name', 'frozen', 'busybox', 'sleep', '600');
    await ok('pause', 'frozen');
    expect(await state('frozen')).toBe('paused');
    expect((await suite.docker(['exec', 'frozen', 'true'])).stderr).toMatch(/is paused, unpause the container before exec/);
    await ok('unpause', 'frozen');
    expect(await ok('exec', 'frozen', 'echo', 'thawed')).toBe('thawed');
    await ok('rm', '-f', 'frozen');
  });

  test('rename frees the old name and takes the new one', async () => {
    await ok('create', '--name', 'before', 'busybox', 'true');
    await ok('rename', 'before', 'after');
    await ok('create', '--name', 'before', 'busybox', 'true');
    expect(await ok('inspect', '-f', '{{.Name}}', 'after')).toBe('/after');
    await ok('rm', 'before', 'after');
  });

  test('a restart policy brings a container back, an explicit stop does not', async () => {
    await ok('run', '-d', '--name', 'again', '--restart', 'always', 'busybox', 'sh', '-c', 'sleep 0.2; exit 1');
    await until('two restarts', async () => Number(await ok('inspect', '-f', '{{.RestartCount}}', 'again')) >= 2);
    await ok('stop', 'again');
    const count = await ok('inspect', '-f', '{{.RestartCount}} {{.State.Running}}', 'again');
    expect(count).toMatch(/ false$/);
    await ok('rm', '-f', 'again');
    await ok('run', '-d', '--name', 'thrice', '--restart', 'on-failure:2', 'busybox', 'false');
    await until(
      'the policy to give up',
      async () => (await ok('inspect', '-f', '{{.State.Status}} {{.RestartCount}}', 'thrice')) === 'exited 2',
    );
    await ok('rm', 'thrice');
  });

  test('wait answers with the exit code, also for --rm', async () => {
    const id = await ok('run', '-d', '--rm', 'busybox', 'sh', '-c', 'sleep 4; exit 9'); // nothing tells that the client waits
    expect(await ok('wait', id)).toBe('9');
    await until('its removal', async () => (await suite.docker(['inspect', id])).code !== 0);
  });

  test('ps shows and filters', async () => {
    await ok('run', '-d', '--name', 'shown', '--label', 'tier=front', '-p', '80', 'busybox', 'sleep', '600');
    await ok('create', '--name', 'hidden', 'busybox', 'true');
    expect(await ok('ps', '--format', '{{.Names}}')).toBe('shown');
    expect((await ok('ps', '-a', '--format', '{{.Names}}')).split('\n')).toEqual(['hidden', 'shown']);
    expect(await ok('ps', '-a', '--filter', 'label=tier=front', '--format', '{{.Names}} {{.Image}} {{.Command}}')).toBe(
      'shown busybox "sleep 600"',
    );
    expect(await ok('ps', '-a', '--filter', 'status=created', '--format', '{{.Names}}')).toBe('hidden');
    expect(await ok('ps', '--format', '{{.Ports}}')).toMatch(/0\.0\.0\.0:\d+->80\/tcp/);
    expect(await ok('ps', '--format', '{{.Status}}')).toMatch(/^Up /);
    await ok('rm', '-f', 'shown', 'hidden');
  });

  test('top and stats look at the processes', async () => {
    await ok('run', '-d', '--name', 'busy', 'busybox', 'sleep', '601');
    expect(await ok('top', 'busy')).toMatch(/UID\s+PID[\s\S]*sleep 601/);
    expect(await ok('stats', '--no-stream', '--format', '{{.Name}} {{.PIDs}}', 'busy')).toBe('busy 1');
    await ok('rm', '-f', 'busy');
  });

  test('events tell the story in order', async () => {
    const since = String(Math.floor(Date.now() / 1000) - 1);
    await ok('run', '--rm', '--name', 'story', '--network', 'none', 'busybox', 'true');
    await until('the destroy event', async () =>
      /destroy/.test(
        await ok(
          'events',
          '--since',
          since,
          '--until',
          String(Math.floor(Date.now() / 1000) + 1),
          '--filter',
          'container=story',
          '--format',
          '{{.Action}}',
        ),
      ),
    );
    const actions = (
      await ok(
        'events',
        '--since',
        since,
        '--until',
        String(Math.floor(Date.now() / 1000) + 1),
        '--filter',
        'container=story',
        '--filter',
        'type=container',
        '--format',
        '{{.Action}}',
      )
    ).split('\n');
    expect(actions).toEqual(['create', 'attach', 'start', 'die', 'destroy']);
  });
});
