import { describeEngine, getFromHost, until } from './harness';

describeEngine('IPv6', (suite) => {
  const { ok, docker } = suite;
  const serve = ['busybox', 'httpd', '-f', '-h', '/var/www'];
  const inspect = (name: string, what: string): Promise<string> =>
    ok('inspect', '-f', `{{range .NetworkSettings.Networks}}{{${what}}}{{end}}`, name);

  afterEach(async () => {
    const all = (await ok('ps', '-aq')).split('\n').filter(Boolean);
    if (all.length > 0) await ok('rm', '-f', ...all);
    await ok('network', 'prune', '-f');
  });

  test('a network has a subnet of it, and containers an address, a route, a line in hosts and names', async () => {
    await ok('network', 'create', '--ipv6', '--subnet', 'fd00:fa:1::/64', 'dual');
    expect(await ok('network', 'inspect', '-f', '{{.EnableIPv6}} {{range .IPAM.Config}}{{.Subnet}} {{end}}', 'dual')).toMatch(
      /^true .*fd00:fa:1::\/64/,
    );
    await ok('run', '-d', '--name', 'one', '--network', 'dual', 'busybox', 'sleep', '600');
    await ok('run', '-d', '--name', 'two', '--network', 'dual', '--ip6', 'fd00:fa:1::77', 'busybox', 'sleep', '600');
    expect(await inspect('one', '.GlobalIPv6Address')).toBe('fd00:fa:1::2');
    expect(await inspect('two', '.GlobalIPv6Address')).toBe('fd00:fa:1::77');
    expect(await inspect('two', '.IPv6Gateway')).toBe('fd00:fa:1::1');
    expect(await ok('network', 'inspect', '-f', '{{range .Containers}}{{.IPv6Address}} {{end}}', 'dual')).toContain('fd00:fa:1::77/64');
    const own = await ok('exec', 'one', 'sh', '-c', 'ip -6 route; cat /etc/hosts');
    expect(own).toContain('default via fd00:fa:1::1 dev eth0');
    expect(own).toMatch(/^fd00:fa:1::2\t[0-9a-f]{12}$/m);
    expect(await ok('exec', 'one', 'ping', '-6', '-c1', '-W2', 'two')).toContain('from fd00:fa:1::77');
    expect(await ok('exec', 'one', 'nslookup', '-type=aaaa', 'two')).toContain('Address: fd00:fa:1::77');
    expect(await ok('exec', 'one', 'nslookup', 'fd00:fa:1::77')).toMatch(/ip6\.arpa\s+name = two\.dual/);
    const taken = await docker(['run', '--rm', '--network', 'dual', '--ip6', 'fd00:fa:1::77', 'busybox', 'true']);
    expect(taken.stderr).toContain('Address already in use');
  });

  test('a published port is two bindings, and answers on [::1]', async () => {
    await ok('network', 'create', '--ipv6', '--subnet', 'fd00:fa:2::/64', 'dual');
    await ok('run', '-d', '--name', 'web', '--network', 'dual', '-p', '18180:80', '-p', '[::1]:18181:80', ...serve);
    // older clients write no brackets
    const ports = (await ok('port', 'web', '80')).replaceAll(/[[\]]/g, '').split('\n');
    expect(ports.sort()).toEqual(['0.0.0.0:18180', ':::18180', '::1:18181'].sort());
    for (const [port, address] of [
      [18180, '127.0.0.1'],
      [18180, '::1'],
      [18181, '::1'],
      [18180, 'fd00:fa:2::1'],
    ] as const)
      await until(`${address} ${port}`, async () => (await getFromHost(suite.engine, address, port)) === 'hello from gantry\n');
  });

  test('a network is connected to with an address of it', async () => {
    await ok('network', 'create', '--ipv6', '--subnet', 'fd00:fa:3::/64', 'dual');
    await ok('run', '-d', '--name', 'late', 'busybox', 'sleep', '600');
    await ok('network', 'connect', '--ip6', 'fd00:fa:3::9', 'dual', 'late');
    expect(await ok('exec', 'late', 'ip', '-6', 'route')).toContain('default via fd00:fa:3::1 dev eth1');
    expect(await ok('exec', 'late', 'cat', '/etc/hosts')).toContain('fd00:fa:3::9\t');
    await ok('restart', '-t', '0', 'late');
    expect(await ok('inspect', '-f', '{{.NetworkSettings.Networks.dual.GlobalIPv6Address}}', 'late')).toBe('fd00:fa:3::9');
    await ok('network', 'disconnect', 'dual', 'late');
    expect(await ok('exec', 'late', 'ip', '-6', 'route')).not.toContain('default via');
  });

  test('further addresses of the link are there, and others are refused', async () => {
    await ok('network', 'create', '--ipv6', '--subnet', 'fd00:fa:4::/64', 'dual');
    const run = ['run', '--rm', '--network', 'dual', '--link-local-ip', '169.254.7.7', '--link-local-ip'];
    const addresses = await ok(...run, 'fe80::5', 'busybox', 'ip', '-o', 'addr', 'show', 'eth0');
    for (const each of ['169.254.7.7/16', 'fe80::5/64', 'fd00:fa:4::2/64']) expect(addresses).toContain(each);
    const other = await docker([...run, 'fd00::9', 'busybox', 'true']);
    expect([other.code, other.stderr]).toEqual([125, expect.stringContaining('invalid link local IP address: fd00::9')]);
  });

  test('a container that turned it off has none', async () => {
    await ok('network', 'create', '--ipv6', '--subnet', 'fd00:fa:5::/64', 'dual');
    const command = ['--sysctl', 'net.ipv6.conf.all.disable_ipv6=1', '--network', 'dual', 'busybox', 'sh', '-c', 'ip addr; cat /etc/hosts'];
    expect(await ok('run', '--rm', ...command)).not.toContain('fd00:fa:5');
  });
});
