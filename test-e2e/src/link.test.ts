import { describeEngine } from './harness';

describeEngine('links on the default bridge', (suite) => {
  const { ok, docker } = suite;

  test('a linked container is known by its alias, in hosts and in the environment', async () => {
    await ok('run', '-d', '--name', 'database', '-e', 'FOO=bar', '--expose', '5432', 'busybox', 'sleep', '600');
    const address = await ok('inspect', '-f', '{{.NetworkSettings.Networks.bridge.IPAddress}}', 'database');
    const [hosts, ...variables] = (
      await ok('run', '--rm', '--link', 'database:db', 'busybox', 'sh', '-c', 'grep -w db /etc/hosts; env | grep ^DB_ | sort')
    ).split('\n');
    expect(hosts).toMatch(new RegExp(`^${address}\tdb [0-9a-f]{12} database$`));
    expect(variables).toEqual(
      expect.arrayContaining([
        'DB_ENV_FOO=bar',
        `DB_PORT=tcp://${address}:5432`,
        `DB_PORT_5432_TCP_ADDR=${address}`,
        'DB_PORT_5432_TCP_PORT=5432',
      ]),
    );
    await ok('rm', '-f', 'database');
  });

  test('inspect shows it, rm --link takes it away, and both containers stay', async () => {
    await ok('create', '--name', 'one', 'busybox', 'true');
    await ok('create', '--name', 'two', '--link', 'one:first', 'busybox', 'true');
    expect(await ok('inspect', '-f', '{{json .HostConfig.Links}}', 'two')).toBe('["/one:/two/first"]');
    expect((await docker(['start', 'two'])).stderr).toMatch(/Cannot link to a non running container: \/one AS \/two\/first/);
    await ok('rm', '--link', '/two/first');
    expect(await ok('inspect', '-f', '{{len .HostConfig.Links}}', 'two')).toBe('0');
    await ok('start', 'two');
    await ok('rm', '-f', 'one', 'two');
  });

  test('a link is one more name of the container that it leads to', async () => {
    await ok('run', '-d', '--name', 'leaf', 'busybox', 'sleep', '600');
    await ok('run', '-d', '--name', 'stem', '--link', 'leaf', 'busybox', 'sleep', '600');
    await ok('run', '-d', '--name', 'root', '--link', 'leaf:l', '--link', 'stem', 'busybox', 'sleep', '600');
    const names = async (): Promise<string[]> => (await ok('ps', '--no-trunc', '--format', '{{.Names}}')).split('\n');
    expect(await names()).toEqual(['root', 'root/stem,stem', 'leaf,root/l,stem/leaf']);
    await ok('rename', 'leaf', 'bud');
    expect(await names()).toEqual(['root', 'root/stem,stem', 'bud,root/l,stem/leaf']);
    expect(await ok('inspect', '-f', '{{.Name}}', 'stem/leaf')).toBe('/bud');
    await ok('rm', '-f', 'root/stem');
    expect(await names()).toEqual(['root', 'bud,root/l']);
    await ok('rm', '-f', 'root', 'bud');
  });

  test('a link to one that joined the network of another leads to that other one', async () => {
    await ok('run', '-d', '--name', 'owner', 'busybox', 'sleep', '600');
    await ok('run', '-d', '--name', 'guest', '--net', 'container:owner', 'busybox', 'sleep', '600');
    const address = await ok('inspect', '-f', '{{.NetworkSettings.Networks.bridge.IPAddress}}', 'owner');
    expect(await ok('run', '--name', 'caller', '--link', 'guest:g', 'busybox', 'grep', '-w', 'g', '/etc/hosts')).toContain(
      `${address}\tg `,
    );
    expect(await ok('inspect', '-f', '{{json .HostConfig.Links}}', 'caller')).toBe('["/owner:/caller/g"]');
    await ok('rm', '-f', 'caller', 'guest', 'owner');
  });

  test('an unknown container', async () => {
    const refused = await docker(['run', '--rm', '--link', 'nobody', 'busybox', 'true']);
    expect([refused.code, refused.stderr]).toEqual([
      125,
      expect.stringContaining('could not get container for nobody: No such container: nobody'),
    ]);
  });
});
