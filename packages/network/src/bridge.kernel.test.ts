import { createSocket } from 'node:dgram';
import { setTimeout as sleep } from 'node:timers/promises';
import { readQuery, writeAnswer } from './dns/message';
import { eventually, runProgram } from './testing/host';
import { connectRequest, context, createRequest } from './testing/service';
import { ask, newId, newWorlds, ping, serve } from './testing/world';

/** A real kernel in a namespace of its own: needs root. */
const asRoot = process.getuid?.() === 0 ? describe : describe.skip;

asRoot('networks on a real kernel', () => {
  const world = newWorlds();
  const { join } = world;

  it('has the predefined networks and a bridge of its own', async () => {
    const { networks } = await world.service.client.listNetworks(context(), {});
    expect(networks.map((network) => [network.name, network.driver])).toEqual([
      ['bridge', 'bridge'],
      ['host', 'host'],
      ['none', 'null'],
    ]);
    expect(networks[0]?.pools).toEqual([
      { subnet: '172.17.0.0/16', gateway: '172.17.0.1', ipRange: '', auxAddresses: {}, configured: false },
    ]);
    const device = networks[0]?.options['com.docker.network.bridge.name'] ?? '';
    expect(device).toMatch(/^gantry-[0-9a-f]{8}$/);
    expect(world.host.ip('-4', 'addr', 'show', device)).toContain('172.17.0.1/16');
    expect(world.host.sysctl('net/ipv4/ip_forward')).toBe('1');
  });

  it('gives a sandbox its interface, address, MAC and route, without IPv6', async () => {
    const sandbox = await world.host.sandbox();
    const endpoint = await join(sandbox);
    expect(endpoint).toMatchObject({
      interface: 'eth0',
      ipAddress: '172.17.0.2',
      ipPrefixLen: 16,
      gateway: '172.17.0.1',
      macAddress: '02:42:ac:11:00:02',
    });
    expect(await sandbox.run('ip', '-br', 'link', 'show', 'eth0')).toMatch(/eth0\S*\s+UP\s+02:42:ac:11:00:02/);
    expect(await sandbox.run('ip', '-4', 'addr', 'show', 'eth0')).toContain('172.17.0.2/16 brd 172.17.255.255');
    expect(await sandbox.run('ip', 'route')).toContain('default via 172.17.0.1 dev eth0');
    expect(await sandbox.run('ip', '-6', 'addr', 'show', 'eth0')).toBe('');
    expect(await sandbox.run('ip', '-br', 'link', 'show', 'lo')).toContain('UP');
    await ping(sandbox, '172.17.0.1');
  });

  it('has networks whose packets are too small for IPv6, and tells a name that is taken', async () => {
    const options = { 'com.docker.network.driver.mtu': '1234' };
    const { network } = await world.service.client.createNetwork(context(), createRequest({ name: 'small', options }));
    const sandbox = await world.host.sandbox();
    const endpoint = await join(sandbox, { networkRef: network?.id ?? '' });
    expect(await sandbox.run('ip', 'link', 'show', 'eth0')).toContain('mtu 1234');
    await ping(sandbox, endpoint.gateway);
    const taken = { driverOptions: { 'com.docker.network.endpoint.ifname': 'eth0' } };
    await expect(join(sandbox, { ...taken, sandboxId: endpoint.sandboxId })).rejects.toThrow(
      /error renaming interface .* to "eth0": file exists/,
    );
  });

  it('lets neighbours talk and gives the outside the address of the host', async () => {
    const [a, b, outside] = [
      await world.host.sandbox(),
      await world.host.sandbox(),
      await world.host.neighbour('lan0', '192.0.2.9', '192.0.2.1'),
    ];
    await join(a);
    const second = await join(b, { containerName: 'b' });
    await ping(a, second.ipAddress);
    serve(outside, 7000, '$SOCAT_PEERADDR');
    await eventually(async () => expect(await ask(a, '192.0.2.9', 7000)).toBe('192.0.2.1'));
  });

  it('takes an address from who had it before the next one has it, though its namespace lives on', async () => {
    const [former, next, watcher] = [await world.host.sandbox(), await world.host.sandbox(), await world.host.sandbox()];
    const first = await join(former, { sandboxId: 'former' });
    await join(watcher, { containerName: 'watcher' });
    await ping(watcher, first.ipAddress);
    await world.service.client.releaseSandbox(context(), { sandboxId: 'former' });
    await sleep(50); // in a shorter while it would have passed the address over
    const mac = '02:00:00:00:00:0d';
    expect(await join(next, { containerName: 'next', macAddress: mac })).toMatchObject({ ipAddress: first.ipAddress, macAddress: mac });
    expect(await former.run('ip', '-br', 'link')).not.toContain('eth0');
    await eventually(async () => expect(await watcher.run('ip', 'neigh', 'show', first.ipAddress)).toContain(mac));
    await ping(watcher, first.ipAddress);
  });

  it('publishes a port to the host, to loopback, to the outside and to the neighbours', async () => {
    const [web, other, outside] = [
      await world.host.sandbox(),
      await world.host.sandbox(),
      await world.host.neighbour('lan0', '192.0.2.9', '192.0.2.1'),
    ];
    const { ports } = await join(web, { ports: [{ protocol: 'tcp', containerPort: 80, hostIp: '', hostPort: 8080, hostPortEnd: 0 }] });
    expect(ports).toEqual([
      { protocol: 'tcp', containerPort: 80, hostIp: '0.0.0.0', hostPort: 8080 },
      { protocol: 'tcp', containerPort: 80, hostIp: '::', hostPort: 8080 },
    ]);
    await join(other, { containerName: 'other' });
    serve(web, 80, 'hello');
    await eventually(async () => expect(await ask(undefined, '127.0.0.1', 8080)).toBe('hello'));
    expect(await ask(undefined, '192.0.2.1', 8080)).toBe('hello');
    expect(await ask(undefined, '::1', 8080)).toBe('hello');
    expect(await ask(outside, '192.0.2.1', 8080)).toBe('hello');
    expect(await ask(other, '172.17.0.1', 8080)).toBe('hello');
    expect(await ask(other, '192.0.2.1', 8080)).toBe('hello');
    expect(await ask(web, '192.0.2.1', 8080)).toBe('hello');
  });

  it('keeps a port that is published on loopback from everybody else', async () => {
    const [web, outside] = [await world.host.sandbox(), await world.host.neighbour('lan0', '192.0.2.9', '192.0.2.1')];
    const endpoint = await join(web, {
      ports: [{ protocol: 'tcp', containerPort: 80, hostIp: '127.0.0.1', hostPort: 8080, hostPortEnd: 0 }],
    });
    serve(web, 80, 'secret');
    await eventually(async () => expect(await ask(undefined, '127.0.0.1', 8080)).toBe('secret'));
    await expect(ask(outside, '192.0.2.1', 8080)).rejects.toThrow();
    // straight to the container, past the host's ports
    await outside.run('ip', 'route', 'replace', '172.17.0.0/16', 'via', '192.0.2.1');
    await expect(ask(outside, endpoint.ipAddress, 80)).rejects.toThrow();
    // to 127.0.0.1 of the host over the wire, from a neighbour on the LAN and from a container
    for (const [from, mac] of [
      [outside, world.host.ip('-o', 'link', 'show', 'lan0')],
      [web, world.host.ip('-o', 'link', 'show', 'type', 'bridge')],
    ] as const) {
      await from.run('ip', 'addr', 'flush', 'dev', 'lo');
      await from.run('ip', 'route', 'flush', 'table', 'local', 'match', '127.0.0.1');
      await from.run('sysctl', '-qw', 'net.ipv4.conf.all.route_localnet=1');
      await from.run('ip', 'route', 'add', '127.0.0.1/32', 'dev', 'eth0', 'src', from === outside ? '192.0.2.9' : endpoint.ipAddress);
      await from.run('ip', 'neigh', 'replace', '127.0.0.1', 'lladdr', /link\/ether (\S+)/.exec(mac)?.[1] ?? '', 'dev', 'eth0');
      await expect(ask(from, '127.0.0.1', 8080)).rejects.toThrow();
    }
  });

  it('has the port again after a restart, without a gap, and while it is stopped', async () => {
    const web = await world.host.sandbox();
    const sandboxId = newId();
    await join(web, { sandboxId, ports: [{ protocol: 'tcp', containerPort: 80, hostIp: '', hostPort: 8080, hostPortEnd: 0 }] });
    serve(web, 80, 'hello');
    await eventually(async () => expect(await ask(undefined, '127.0.0.1', 8080)).toBe('hello'));
    await world.service.stop();
    expect(await ask(undefined, '127.0.0.1', 8080)).toBe('hello');
    await world.start(world.service.config);
    expect(await ask(undefined, '127.0.0.1', 8080)).toBe('hello');
    const rival = await world.host.sandbox();
    await expect(
      join(rival, { containerName: 'rival', ports: [{ protocol: 'tcp', containerPort: 80, hostIp: '', hostPort: 8080, hostPortEnd: 0 }] }),
    ).rejects.toThrow(
      /^driver failed programming external connectivity on endpoint rival \([0-9a-f]{64}\): Bind for 0\.0\.0\.0:8080 failed: port is already allocated$/,
    );
    await world.service.client.releaseSandbox(context(), { sandboxId });
    await join(rival, {
      containerName: 'rival',
      ports: [{ protocol: 'tcp', containerPort: 80, hostIp: '', hostPort: 8080, hostPortEnd: 0 }],
    });
  });

  it('names a foreign holder of a port as dockerd does, and leaves nothing of the endpoint', async () => {
    world.host.start('socat', 'TCP-LISTEN:8080,fork,bind=0.0.0.0', 'SYSTEM:echo foreign');
    const web = await world.host.sandbox();
    await eventually(async () => expect(await ask(undefined, '127.0.0.1', 8080)).toBe('foreign'));
    await expect(
      join(web, { ports: [{ protocol: 'tcp', containerPort: 80, hostIp: '', hostPort: 8080, hostPortEnd: 0 }] }),
    ).rejects.toThrow('listen tcp4 0.0.0.0:8080: bind: address already in use');
    expect(await web.run('ip', '-br', 'link')).not.toContain('eth0');
    expect((await world.service.client.getNetwork(context(), { ref: 'bridge' })).network?.endpoints).toEqual([]);
  });

  it('keeps networks apart, and internal ones to themselves', async () => {
    for (const [name, internal] of [
      ['red', false],
      ['blue', false],
      ['inner', true],
    ] as const)
      await world.service.client.createNetwork(context(), createRequest({ name, internal }));
    const outside = await world.host.neighbour('lan0', '192.0.2.9', '192.0.2.1');
    const [red, blue, inner, inner2] = [
      await world.host.sandbox(),
      await world.host.sandbox(),
      await world.host.sandbox(),
      await world.host.sandbox(),
    ];
    const redAt = await join(red, {
      networkRef: 'red',
      containerName: 'red',
      ports: [{ protocol: 'tcp', containerPort: 80, hostIp: '', hostPort: 8080, hostPortEnd: 0 }],
    });
    const blueAt = await join(blue, { networkRef: 'blue', containerName: 'blue' });
    const innerAt = await join(inner, { networkRef: 'inner', containerName: 'inner' });
    await join(inner2, { networkRef: 'inner', containerName: 'inner2' });
    serve(red, 80, 'red');
    await eventually(async () => expect(await ask(undefined, '127.0.0.1', 8080)).toBe('red'));
    expect(redAt.ipAddress).toBe('172.18.0.2');
    await expect(ping(blue, redAt.ipAddress)).rejects.toThrow();
    expect(await ask(blue, '192.0.2.1', 8080)).toBe('red');
    await expect(ask(inner, '172.18.0.1', 8080)).rejects.toThrow();
    await ping(inner2, innerAt.ipAddress);
    await inner.run('ip', 'route', 'add', 'default', 'via', '172.20.0.1');
    await expect(ping(inner, '192.0.2.9')).rejects.toThrow();
    await expect(ping(inner, blueAt.ipAddress)).rejects.toThrow();
    await outside.run('ip', 'route', 'replace', '172.20.0.0/16', 'via', '192.0.2.1');
    await expect(ping(outside, innerAt.ipAddress)).rejects.toThrow();
  });

  it('cuts containers off from each other when icc is off', async () => {
    await world.service.client.createNetwork(
      context(),
      createRequest({ name: 'quiet', options: { 'com.docker.network.bridge.enable_icc': 'false' } }),
    );
    const [a, b] = [await world.host.sandbox(), await world.host.sandbox()];
    await join(a, {
      networkRef: 'quiet',
      containerName: 'a',
      ports: [{ protocol: 'tcp', containerPort: 80, hostIp: '', hostPort: 8080, hostPortEnd: 0 }],
    });
    const second = await join(b, { networkRef: 'quiet', containerName: 'b' });
    await expect(ping(a, second.ipAddress)).rejects.toThrow();
    await ping(a, second.gateway);
  });

  it('moves the default route when its network is disconnected', async () => {
    await world.service.client.createNetwork(context(), createRequest({ name: 'red' }));
    const sandbox = await world.host.sandbox();
    const sandboxId = newId();
    await join(sandbox, { sandboxId });
    await join(sandbox, { sandboxId, networkRef: 'red' });
    expect(await sandbox.run('ip', 'route')).toContain('default via 172.17.0.1 dev eth0');
    await world.service.client.disconnect(context(), { networkRef: 'bridge', sandboxId, force: false });
    expect(await sandbox.run('ip', 'route')).toContain('default via 172.18.0.1 dev eth1');
    expect(await sandbox.run('ip', '-br', 'link')).not.toContain('eth0');
  });

  it('gives the default route and the ports to the highest priority, then to the first name that leads outside', async () => {
    await world.service.client.createNetwork(context(), createRequest({ name: 'abc' }));
    await world.service.client.createNetwork(context(), createRequest({ name: 'aaa', internal: true }));
    await world.service.client.createNetwork(context(), createRequest({ name: 'xyz' }));
    const sandbox = await world.host.sandbox();
    const sandboxId = newId();
    const ports = [0, 8080].map((hostPort) => ({ protocol: 'tcp', containerPort: 80, hostIp: '0.0.0.0', hostPort, hostPortEnd: 0 }));
    const connect = (networkRef: string, gatewayPriority = 0n) => join(sandbox, { sandboxId, networkRef, ports, gatewayPriority });
    const route = async (): Promise<string> => /default via (\S+ dev \S+)/.exec(await sandbox.run('ip', 'route'))?.[1] ?? '';

    const bridge = await connect('bridge');
    expect(bridge).toMatchObject({ defaultRoute: true, ports: [{ hostPort: expect.any(Number) as number }, { hostPort: 8080 }] });
    expect(await connect('xyz')).toMatchObject({ defaultRoute: false, ports: [] });
    expect(await route()).toBe(`${bridge.gateway} dev eth0`);
    const first = await connect('abc');
    expect(first).toMatchObject({ defaultRoute: true, ports: [{}, { hostPort: 8080 }] });
    expect(first.ports[0]?.hostPort).not.toBe(bridge.ports[0]?.hostPort);
    expect(await route()).toBe(`${first.gateway} dev eth2`);
    expect(await connect('aaa', 9n)).toMatchObject({ defaultRoute: false, ports: [] });
    await world.service.client.disconnect(context(), { networkRef: 'xyz', sandboxId, force: false });
    const high = await connect('xyz', 1n);
    expect(await route()).toBe(`${high.gateway} dev ${high.interface}`);
    const { router } = await world.service.client.disconnect(context(), { networkRef: 'xyz', sandboxId, force: false });
    expect(await route()).toBe(`${first.gateway} dev eth2`);
    const [anyPort, fixed] = router?.ports ?? [];
    expect(fixed).toMatchObject({ hostPort: 8080 });
    expect(anyPort?.hostPort).not.toBe(high.ports[0]?.hostPort); // anything does, and so it is another one, as with docker
  });

  it.each(['com.docker.network.bridge.inhibit_ipv4=true', 'com.docker.network.bridge.gateway_mode_ipv4=isolated'])(
    'sets no address apart for a gateway that nobody is: %s',
    async (option) => {
      const [key = '', value = ''] = option.split('=');
      const pools = [{ subnet: '192.168.135.0/31', gateway: '', ipRange: '', auxAddresses: {}, configured: true }];
      await world.service.client.createNetwork(
        context(),
        createRequest({ name: 'pair', internal: true, options: { [key]: value }, pools }),
      );
      const [a, b] = [await world.host.sandbox(), await world.host.sandbox()];
      const first = await join(a, { networkRef: 'pair', containerName: 'a' });
      const second = await join(b, { networkRef: 'pair', containerName: 'b' });
      expect([first.ipAddress, second.ipAddress].sort()).toEqual(['192.168.135.0', '192.168.135.1']);
      await ping(a, second.ipAddress);
      expect(await runProgram('ip', '-4', '-br', 'addr')).not.toContain('192.168.135.');
      await expect(
        world.service.client.createNetwork(context(), createRequest({ name: 'open', options: { [key]: 'isolated' } })),
      ).rejects.toThrow(key.endsWith('_mode_ipv4') ? "'isolated' can only be used for an internal network" : 'strconv.ParseBool: parsing');
    },
  );

  it('sets what is asked of an interface, by whatever name it gets, and refuses the rest', async () => {
    const sysctls = (text: string) => ({ driverOptions: { 'com.docker.network.endpoint.sysctls': text } });
    const box = await world.host.sandbox();
    await join(box, sysctls('net.ipv4.conf.IFNAME.log_martians=1,net.ipv4.neigh.ifname.app_solicit=7'));
    expect((await box.run('cat', '/proc/sys/net/ipv4/conf/eth0/log_martians', '/proc/sys/net/ipv4/neigh/eth0/app_solicit')).trim()).toBe(
      '1\n7',
    );
    const other = await world.host.sandbox();
    for (const text of [
      'net.ipv4.ip_forward=1',
      'net.ipv4.conf.eth0.forwarding=1',
      'net.ipv4.conf.IFNAME./../all/forwarding=1',
      'kernel.x.conf.IFNAME.a=1',
    ])
      await expect(join(other, sysctls(text))).rejects.toThrow(
        `unrecognised network interface sysctl '${text}'; represent 'net.X.Y.ethN.Z=V'`,
      );
    await expect(join(other, sysctls('net.ipv4.conf.IFNAME.nope=1'))).rejects.toThrow(
      '/proc/sys/net/ipv4/conf/eth0/nope is not a sysctl file',
    );
    await join(other);
  });

  it('leaves default route and ports where they are when a better network cannot publish', async () => {
    await world.service.client.createNetwork(context(), createRequest({ name: 'abc' }));
    const [web, other] = [await world.host.sandbox(), await world.host.sandbox()];
    const fixed = (hostPort: number) => [{ protocol: 'tcp', containerPort: 80, hostIp: '0.0.0.0', hostPort, hostPortEnd: 0 }];
    await join(other, { ports: fixed(8081) });
    const sandboxId = newId();
    const endpoint = await join(web, { sandboxId, ports: fixed(8080) });
    await expect(join(web, { sandboxId, networkRef: 'abc', ports: [...fixed(8080), ...fixed(8081)] })).rejects.toThrow('8081');
    expect(await web.run('ip', 'route')).toContain(`default via ${endpoint.gateway} dev eth0`);
    await expect(join(await world.host.sandbox(), { ports: fixed(8080) })).rejects.toThrow('8080 failed: port is already allocated');
  });

  it('builds everything again when the kernel lost it', async () => {
    const web = await world.host.sandbox();
    await join(web, { ports: [{ protocol: 'tcp', containerPort: 80, hostIp: '', hostPort: 8080, hostPortEnd: 0 }] });
    await world.service.stop();
    const device = (await import('./config')).instanceNames(world.service.config).device;
    world.host.ip('link', 'del', device);
    world.host.nft('flush', 'ruleset');
    for (const line of world.host
      .ip('-o', 'link', 'show', 'type', 'veth')
      .split('\n')
      .filter((text) => text !== ''))
      world.host.ip('link', 'del', /^\d+: ([^@:]+)/.exec(line)?.[1] ?? '');
    await world.start(world.service.config);
    serve(web, 80, 'again');
    await eventually(async () => expect(await ask(undefined, '127.0.0.1', 8080)).toBe('again'));
  });

  it('releases what Reconcile does not name, and sweeps interfaces of namespaces that outlive it', async () => {
    const [live, gone, other] = [await world.host.sandbox(), await world.host.sandbox(), await world.host.sandbox()];
    const [liveId, goneId, otherId] = [newId(), newId(), newId()];
    await join(other, { sandboxId: otherId, containerName: 'other', owner: 'another' });
    await join(live, { sandboxId: liveId, containerName: 'live' });
    await join(gone, { sandboxId: goneId, containerName: 'gone' });
    await world.restart();
    const answer = await world.service.client.reconcile(context(), { sandboxes: [{ sandboxId: liveId, netnsPath: live.path }], owner: '' });
    expect(answer.releasedSandboxIds).toEqual([goneId]);
    await ping(other, '172.17.0.1');
    const others = await world.service.client.reconcile(context(), { sandboxes: [], owner: 'another' });
    expect(others.releasedSandboxIds).toEqual([otherId]);
    await eventually(() => expect(world.host.ip('-o', 'link', 'show', 'type', 'veth').trim().split('\n')).toHaveLength(1));
    await ping(live, '172.17.0.1');
  });

  it('answers a repeated operation with what it made', async () => {
    const sandbox = await world.host.sandbox();
    const ctx = context();
    const request = connectRequest({ sandboxId: newId(), netnsPath: sandbox.path });
    const first = await world.service.client.connect(ctx, request);
    await world.restart();
    expect(await world.service.client.connect(ctx, request)).toEqual(first);
    const next = await world.host.sandbox();
    const other = connectRequest({ sandboxId: newId(), netnsPath: next.path, containerName: 'other' });
    const second = await world.service.client.connect(ctx, other); // one id for several is several operations
    expect(second.endpoint?.id).not.toBe(first.endpoint?.id);
    expect(await world.service.client.connect(ctx, other)).toEqual(second);
    expect(await world.service.client.connect(ctx, request)).toEqual(first);
    const networks = ['one', 'two', 'one'].map((name) => createRequest({ name }));
    const ids: unknown[] = [];
    for (const each of networks) ids.push((await world.service.client.createNetwork(ctx, each)).network?.id);
    expect(new Set(ids).size).toBe(2);
    await expect(world.service.client.connect(context(), request)).rejects.toThrow(
      'endpoint with name web already exists in network bridge',
    );
  });

  it('resolves names in user networks, refuses to leak from internal ones, and does so after a restart', async () => {
    await world.service.client.createNetwork(context(), createRequest({ name: 'inner', internal: true }));
    const [a, b] = [await world.host.sandbox(), await world.host.sandbox()];
    await join(a, { networkRef: 'inner', containerName: 'alpha' });
    const beta = await join(b, { networkRef: 'inner', containerName: 'beta', aliases: ['db'] });
    const query = async (name: string): Promise<string> => {
      try {
        return await a.run('busybox', 'nslookup', '-type=a', name, '127.0.0.11');
      } catch (error) {
        return `${(error as { stdout: string }).stdout}${(error as { stderr: string }).stderr}`;
      }
    };
    const check = async (): Promise<void> => {
      for (const name of ['beta', 'db', 'beta.inner', 'BETA']) expect(await query(name)).toContain(`Address: ${beta.ipAddress}`);
      expect(await query('example.com')).toMatch(/refused/i);
    };
    await check();
    await world.restart();
    await check();
    // port 53 stays free for a server of the sandbox's own
    const own = a.start('socat', 'UDP-LISTEN:53,bind=0.0.0.0', 'SYSTEM:cat');
    await eventually(async () => expect(await a.run('ss', '-lun')).toContain('0.0.0.0:53'));
    own.kill();
  });

  it('asks the resolvers of the container about the rest', async () => {
    await world.service.client.createNetwork(context(), createRequest({ name: 'red' }));
    const outside = createSocket('udp4');
    outside.on('message', (query, client) => {
      const question = readQuery(query);
      if (question !== undefined && !('rcode' in question))
        outside.send(writeAnswer(question, [{ type: 'A', ttl: 1, data: '198.51.100.9' }]), client.port, client.address);
    });
    await new Promise<void>((resolve) => outside.bind(5300, '127.0.0.1', resolve));
    try {
      const box = await world.host.sandbox();
      await join(box, { networkRef: 'red', dnsServers: ['127.0.0.1:5300'] });
      expect(await box.run('busybox', 'nslookup', '-type=a', 'example.com', '127.0.0.11')).toContain('Address: 198.51.100.9');
    } finally {
      outside.close();
    }
  });

  it('leaves nothing after a purge', async () => {
    const web = await world.host.sandbox();
    await world.service.client.createNetwork(context(), createRequest({ name: 'red' }));
    await join(web, { networkRef: 'red' });
    await world.service.stop();
    const { purge } = await import('./compose');
    const { silentLogger } = await import('@gantry/rpc');
    await purge({ config: world.service.config, data: `${world.service.config.root}/network`, logger: silentLogger as never });
    expect(world.host.nft('list', 'ruleset')).toBe('');
    expect(world.host.ip('-o', 'link')).not.toMatch(/gantry|br-|veth/);
    expect(world.host.sysctl('net/ipv4/ip_forward')).toBe('0');
    await world.start(world.service.config);
  });
});
