import { describeEngine, getFromContainer, getFromHost, until } from './harness';

describeEngine('networks and published ports', (suite) => {
  const { ok, docker } = suite;
  const get = (port: number, address = '127.0.0.1') => getFromHost(suite.engine, address, port);
  const serve = ['busybox', 'httpd', '-f', '-h', '/var/www'];

  test('a container has an address, a route out, a name and a resolver', async () => {
    const out = await ok(
      'run',
      '--rm',
      '-h',
      'box',
      'busybox',
      'sh',
      '-c',
      'ip -4 -o addr show eth0 | wc -l; ip route | head -1; grep box /etc/hosts; cat /etc/hostname',
    );
    expect(out).toMatch(/^1\ndefault via [\d.]+ dev eth0\s*\n[\d.]+\s+box\nbox$/);
  });

  test('a published port answers on every address of the host and on 127.0.0.1', async () => {
    await ok('run', '-d', '--name', 'web', '-p', '8080:80', ...serve);
    await until('the server', async () => (await get(8080)) === 'hello from gantry\n');
    const gateway = await ok('inspect', '-f', '{{range .NetworkSettings.Networks}}{{.Gateway}}{{end}}', 'web');
    expect(await get(8080, gateway)).toBe('hello from gantry\n');
    expect(await ok('port', 'web')).toMatch(/^80\/tcp -> 0\.0\.0\.0:8080/);
    const taken = await docker(['run', '--rm', '-p', '8080:80', 'busybox', 'true']);
    expect(taken.code).toBe(125);
    expect(taken.stderr).toMatch(/port is already allocated/);
    await ok('rm', '-f', 'web');
    expect(await ok('run', '--rm', '-p', '8080:80', 'busybox', 'echo', 'free again')).toBe('free again');
  });

  test('-P and -p without a host port choose one', async () => {
    await ok('run', '-d', '--name', 'any', '--expose', '80', '-P', ...serve);
    const port = Number(/0\.0\.0\.0:(\d+)/.exec(await ok('port', 'any', '80'))?.[1]);
    await until('the server', async () => (await get(port)) === 'hello from gantry\n');
    await ok('rm', '-f', 'any');
  });

  test('none has only a loopback, host is the host', async () => {
    expect(await ok('run', '--rm', '--network', 'none', 'busybox', 'sh', '-c', 'ls /sys/class/net')).toBe('lo');
    const host = (await suite.engine.onHost('ip', ['-o', 'link'])).stdout.split('\n').filter(Boolean).length;
    expect(await ok('run', '--rm', '--network', 'host', 'busybox', 'sh', '-c', 'ip -o link | wc -l')).toBe(String(host));
  });

  test('a network of its own resolves names and keeps others out', async () => {
    await ok('network', 'create', 'net1');
    await ok('network', 'create', '--subnet', '10.99.0.0/24', '--gateway', '10.99.0.1', 'net2');
    await ok('run', '-d', '--name', 'srv', '--network', 'net1', '--network-alias', 'alias1', ...serve);
    const address = await ok('inspect', '-f', '{{(index .NetworkSettings.Networks "net1").IPAddress}}', 'srv');
    for (const name of ['srv', 'alias1'])
      expect(await ok('run', '--rm', '--network', 'net1', 'busybox', 'nslookup', name)).toContain(`Address: ${address}`);
    await ok('run', '-d', '--name', 'near', '--network', 'net1', 'busybox', 'sleep', '600');
    await ok('run', '-d', '--name', 'far', '--network', 'net2', 'busybox', 'sleep', '600');
    expect(await getFromContainer(suite.engine, 'near', address, 80)).toBe('hello from gantry\n');
    expect(await getFromContainer(suite.engine, 'far', address, 80)).toBe('');
    await ok('rm', '-f', 'near', 'far');
    expect(await ok('run', '--rm', '--network', 'net2', '--ip', '10.99.0.77', 'busybox', 'sh', '-c', 'ip -4 -o addr show eth0')).toMatch(
      /10\.99\.0\.77\/24/,
    );
    expect((await docker(['network', 'rm', 'net1'])).stderr).toMatch(/has active endpoints/);
    await ok('network', 'connect', 'net2', 'srv');
    expect(await ok('exec', 'srv', 'sh', '-c', 'ip -4 -o addr show eth1')).toMatch(/10\.99\.0\./);
    await ok('network', 'disconnect', 'net2', 'srv');
    await ok('rm', '-f', 'srv');
    await ok('network', 'rm', 'net1', 'net2');
    expect((await ok('network', 'ls', '--format', '{{.Name}}')).split('\n').sort()).toEqual(['bridge', 'host', 'none']);
  });

  test('ports follow the network that leads outside', async () => {
    await ok('network', 'create', '--internal', 'inside');
    await ok('network', 'create', 'outside');
    await ok('create', '--name', 'two', '--network', 'inside', '-p', '18123:80', 'busybox', 'httpd', '-f', '-h', '/var/www');
    await ok('network', 'connect', 'outside', 'two');
    await ok('start', 'two');
    const answer = (): Promise<string> => getFromHost(suite.engine, '127.0.0.1', 18123, '/index.html');
    expect(await ok('port', 'two', '80')).toMatch(/^0\.0\.0\.0:18123/);
    await until('the server to answer', async () => (await answer()).startsWith('hello from gantry'));
    await ok('network', 'disconnect', 'outside', 'two');
    await ok('network', 'connect', 'outside', 'two');
    expect(await answer()).toMatch(/^hello from gantry/);
    await ok('rm', '-f', 'two');
    await ok('network', 'rm', 'inside', 'outside');
  });

  test('a network that sorts before the one of the default route takes it over, with the ports', async () => {
    await ok('network', 'create', 'aaa');
    await ok('network', 'create', 'ccc');
    await ok('run', '-d', '--name', 'moving', '-p', '18124:80', '-p', '70', ...serve);
    const route = async (): Promise<string> => await ok('exec', 'moving', 'sh', '-c', "ip route | sed -n 's/^default via //p'");
    const gateway = async (name: string): Promise<string> =>
      await ok('inspect', '-f', `{{(index .NetworkSettings.Networks "${name}").Gateway}}`, 'moving');
    const any = await ok('port', 'moving', '70');
    await ok('network', 'connect', 'ccc', 'moving');
    expect(await ok('port', 'moving', '70')).toBe(any);
    await ok('network', 'connect', 'aaa', 'moving');
    expect(await ok('port', 'moving', '70')).not.toBe(any);
    expect(await ok('port', 'moving', '80')).toMatch(/^0\.0\.0\.0:18124/);
    expect(await route()).toContain(`${await gateway('aaa')} dev`);
    await until('the server to answer', async () => (await get(18124)).startsWith('hello from gantry'));
    await ok('restart', '-t', '0', 'moving');
    expect(await route()).toMatch(new RegExp(`^${await gateway('aaa')} dev eth0 *$`));
    const other = await ok('port', 'moving', '70');
    await ok('network', 'disconnect', 'aaa', 'moving');
    expect(await route()).toContain(`${await gateway('bridge')} dev`);
    expect(await ok('port', 'moving', '70')).not.toBe(other);
    await until('the server to answer', async () => (await get(18124)).startsWith('hello from gantry'));
    await ok('rm', '-f', 'moving');
    await ok('network', 'rm', 'aaa', 'ccc');
  });

  test("a container has the lowest address that is free: its own again when it starts again, a removed one's in its place", async () => {
    await ok('network', 'create', '--subnet', '10.98.0.0/24', 'net4');
    const addressOf = (name: string) => ok('inspect', '-f', '{{.NetworkSettings.Networks.net4.IPAddress}}', name);
    const start = (name: string) => ok('run', '-d', '--init', '--network', 'net4', '--name', name, ...serve);
    for (const name of ['one', 'two', 'three']) await start(name);
    await ok('restart', 'two');
    await ok('rm', '-f', 'one');
    await start('four');
    await start('five');
    expect(await Promise.all(['two', 'three', 'four', 'five'].map(addressOf))).toEqual([
      '10.98.0.3',
      '10.98.0.4',
      '10.98.0.2',
      '10.98.0.5',
    ]);
    // Who knew the one before reaches the one that is there now.
    expect(await getFromContainer(suite.engine, 'five', '10.98.0.2', 80)).toBe('hello from gantry\n');
    await ok('rm', '-f', 'two', 'three', 'four', 'five');
    await ok('network', 'rm', 'net4');
  });

  test('a name that nobody knows is told so, also when the host has no way to its name servers', async () => {
    await ok('network', 'create', 'asking');
    const lost = await docker(['run', '--rm', '--network', 'asking', 'busybox', 'nslookup', 'nobody.example']);
    expect(lost.code).not.toBe(0);
    expect(await ok('run', '--rm', 'busybox', 'echo', 'still here')).toBe('still here');
    await ok('network', 'rm', 'asking');
  });

  test('--dns, --add-host and --hostname reach the files', async () => {
    const out = await ok(
      'run',
      '--rm',
      '--dns',
      '192.0.2.53',
      '--dns-search',
      'example.test',
      '--add-host',
      'db:192.0.2.7',
      'busybox',
      'cat',
      '/etc/resolv.conf',
      '/etc/hosts',
    );
    expect(out).toMatch(/nameserver 192\.0\.2\.53/);
    expect(out).toMatch(/search example\.test/);
    expect(out).toMatch(/192\.0\.2\.7\s+db/);
  });

  test('names and options are as free as dockerd leaves them', async () => {
    await ok('network', 'create', 'with blank');
    await ok('run', '-d', '--name', 'freely', '--network', 'with blank', '--link', 'nobody:alias', 'busybox', 'sleep', '600');
    await ok('run', '-d', '--name', 'nobody', '--network', 'with blank', 'busybox', 'sleep', '600');
    expect(await ok('exec', 'freely', 'nslookup', 'alias')).toContain(
      await ok('inspect', '-f', '{{(index .NetworkSettings.Networks "with blank").IPAddress}}', 'nobody'),
    );
    await ok('network', 'create', 'second');
    await ok('network', 'connect', '--driver-opt', 'org.example.colour=red', 'second', 'freely');
    expect(await ok('inspect', '-f', '{{json .NetworkSettings.Networks.second.DriverOpts}}', 'freely')).toBe(
      '{"org.example.colour":"red"}',
    );
    await ok('network', 'disconnect', '-f', 'second', 'freely');
    expect((await docker(['network', 'disconnect', '-f', 'second', 'freely'])).stderr).toMatch(/is not connected to (the )?network second/);
    await ok('rm', '-f', 'freely', 'nobody');
    await ok('network', 'rm', 'second', 'with blank');
    await ok('network', 'create', '-o', 'foo=bar', '-o', 'com.docker.network.bridge.enable_icc=true', 'mine');
    expect(JSON.parse(await ok('network', 'inspect', '-f', '{{json .Options}}', 'mine'))).toEqual({
      foo: 'bar',
      'com.docker.network.bridge.enable_icc': 'true',
    });
    await ok('network', 'rm', 'mine');
  });

  test('wishes for one host port come before those for any', async () => {
    const first = await ok('run', '-d', '-p', '80', 'busybox', 'sleep', '600');
    const next = Number((await ok('port', first, '80')).split('\n')[0]?.split(':').at(-1)) + 1;
    const flags = ['-p', '80', '-p', `${next}:81`, '-P', '--expose', '82'];
    const second = await ok('run', '-d', ...flags, 'busybox', 'sleep', '600');
    expect(await ok('port', second, '81')).toContain(`0.0.0.0:${next}`);
    expect(await ok('port', second, '80')).toMatch(/^0\.0\.0\.0:\d+/);
    expect(await ok('port', second, '82')).toMatch(/^0\.0\.0\.0:\d+/);
    await ok('rm', '-f', first, second);
  });
});

describeEngine(
  'names of interfaces',
  (suite) => {
    const { ok, docker } = suite;
    const option = 'driver-opt=com.docker.network.endpoint.ifname=';

    test('an interface is called as its endpoint asks, at start and when it is connected later', async () => {
      await ok('network', 'create', 'one');
      await ok('network', 'create', 'two');
      const links = async (name: string): Promise<string[]> =>
        (await ok('exec', name, 'sh', '-c', 'ls /sys/class/net')).split(/\s+/).filter((link) => link !== 'lo');
      await ok('run', '-d', '--name', 'named', '--network', `name=one,${option}foo0`, 'busybox', 'sleep', '600');
      expect(await links('named')).toEqual(['foo0']);
      await ok('network', 'connect', '--driver-opt', 'com.docker.network.endpoint.ifname=bar7', 'two', 'named');
      expect(await links('named')).toEqual(['bar7', 'foo0']);
      await ok('restart', '-t', '0', 'named');
      expect(await links('named')).toEqual(['bar7', 'foo0']);
      await ok('create', '--name', 'mixed', '--network', `name=one,${option}eth1`, 'busybox', 'sleep', '600');
      await ok('network', 'connect', 'two', 'mixed'); // Debian 12's CLI takes one --network
      await ok('start', 'mixed');
      expect(await links('mixed')).toEqual(['eth0', 'eth1']);
      for (const bad of ['lo', 'a/b', 'muchtoolongforaninterface']) {
        const refused = await docker(['run', '--rm', '--network', `name=one,${option}${bad}`, 'busybox', 'true']);
        expect([refused.code, refused.stderr]).toEqual([125, expect.stringContaining(`"${bad}"`)]);
      }
      await ok('rm', '-f', 'named', 'mixed');
      await ok('network', 'rm', 'one', 'two');
    });
  },
  { since: 28 },
);
