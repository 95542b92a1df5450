import { createSocket } from 'node:dgram';
import type { CreateNetworkRequest } from '@gantry/api/gantry/network/v1/network';
import { IpamPool } from '@gantry/api/gantry/network/v1/network';
import { delay, eventually, type TestSandbox } from './testing/host';
import { context, createRequest } from './testing/service';
import { ask, newId, newWorlds, ping, serve } from './testing/world';

const asRoot = process.getuid?.() === 0 ? describe : describe.skip;

asRoot('IPv6 on a real kernel', () => {
  const world = newWorlds();
  const { join } = world;

  const create = async (name: string, change: Partial<CreateNetworkRequest> = {}) => {
    const { network } = await world.service.client.createNetwork(context(), createRequest({ name, enableIpv6: true, ...change }));
    if (network === undefined) throw new Error('no network');
    return network;
  };
  const subnet = (text: string, more: Partial<IpamPool> = {}) => IpamPool.fromPartial({ subnet: text, ...more });
  const port = (hostPort: number, hostIp = '', protocol = 'tcp') => ({ protocol, containerPort: 80, hostIp, hostPort, hostPortEnd: 0 });

  /** A machine next to the host that has IPv6 only. */
  const neighbour = async (): Promise<TestSandbox> => {
    const outside = await world.host.neighbour('lan0', '192.0.2.9', '192.0.2.1');
    world.host.ip('addr', 'add', '2001:db8::1/64', 'dev', 'lan0', 'nodad');
    await outside.run('ip', 'addr', 'add', '2001:db8::9/64', 'dev', 'eth0', 'nodad');
    await outside.run('ip', '-6', 'route', 'add', 'default', 'via', '2001:db8::1');
    return outside;
  };

  it('gives a sandbox an address, a route and the settings of its interface', async () => {
    const network = await create('dual', { pools: [subnet('fd00:1::/64')] });
    expect(network).toMatchObject({ enableIpv4: true, enableIpv6: true });
    expect(network.pools).toMatchObject([
      { subnet: 'fd00:1::/64', gateway: '', configured: true },
      { subnet: '172.18.0.0/16', gateway: '172.18.0.1' },
    ]);
    const device = `br-${network.id.slice(0, 12)}`;
    expect(world.host.ip('-6', 'addr', 'show', device)).toContain('fd00:1::1/64 scope global nodad');
    // no advertisement of a container is taken, and the bridge's own address of the link is used at once
    for (const name of ['accept_ra', 'accept_dad']) expect(world.host.sysctl(`net/ipv6/conf/${device}/${name}`)).toBe('0');
    expect(world.host.sysctl('net/ipv6/conf/all/forwarding')).toBe('1');
    const [a, b] = [await world.host.sandbox(), await world.host.sandbox()];
    const first = await join(a, { networkRef: 'dual', containerName: 'a' });
    expect(first).toMatchObject({
      ipAddress: '172.18.0.2',
      macAddress: '02:42:ac:12:00:02',
      ipv6Address: 'fd00:1::2',
      ipv6PrefixLen: 64,
      ipv6Gateway: 'fd00:1::1',
    });
    const addresses = await a.run('ip', '-6', 'addr', 'show', 'eth0');
    expect(addresses).toContain('fd00:1::2/64 scope global nodad');
    expect(addresses).toContain('fe80::42:acff:fe12:2/64 scope link');
    expect(await a.run('ip', '-6', 'route')).toContain('default via fd00:1::1 dev eth0');
    const second = await join(b, { networkRef: 'dual', containerName: 'b', ipv6Address: 'fd00:1::77' });
    expect(second.ipv6Address).toBe('fd00:1::77');
    await ping(a, 'fd00:1::77');
    await ping(a, second.ipAddress);
    await ping(b, 'fd00:1::1');
    await expect(join(await world.host.sandbox(), { networkRef: 'dual', ipv6Address: 'fd00:1::77' })).rejects.toThrow(
      'Address already in use',
    );
  });

  it('needs no IPv4, and then no IPv4 is there', async () => {
    const network = await create('six', { enableIpv4: false });
    expect(network.enableIpv4).toBe(false);
    expect(network.pools).toHaveLength(1);
    expect(network.pools[0]?.subnet).toMatch(/^fd[0-9a-f]{2}:[0-9a-f:]+::\/64$/);
    expect(world.host.ip('-4', 'addr', 'show', `br-${network.id.slice(0, 12)}`)).toBe('');
    const [a, b] = [await world.host.sandbox(), await world.host.sandbox()];
    const first = await join(a, { networkRef: 'six', containerName: 'a' });
    expect(first).toMatchObject({ ipAddress: '', ipPrefixLen: 0, gateway: '', defaultRoute: true });
    expect(first.macAddress).toMatch(/^[0-9a-f][26ae]:/);
    await join(b, { networkRef: 'six', containerName: 'b' });
    expect(await a.run('ip', '-4', 'addr', 'show', 'eth0')).toBe('');
    await ping(b, first.ipv6Address);
    expect((await create('seven', { enableIpv4: false })).pools[0]?.subnet).not.toBe(network.pools[0]?.subnet);
  });

  it('hides containers behind the address of the host', async () => {
    await create('dual');
    const [box, outside] = [await world.host.sandbox(), await neighbour()];
    await join(box, { networkRef: 'dual' });
    serve(outside, 7000, '$SOCAT_PEERADDR', '6');
    await eventually(async () => expect(await ask(box, '2001:db8::9', 7000)).toBe('[2001:0db8:0000:0000:0000:0000:0000:0001]'));
  });

  it('publishes a port by a rule, on [::1] by the relay', async () => {
    await create('dual');
    const [web, other, outside] = [await world.host.sandbox(), await world.host.sandbox(), await neighbour()];
    const published = await join(web, { networkRef: 'dual', ports: [port(8080), port(8081, '2001:db8::1'), port(8082, '::1')] });
    expect(published.ports.map(({ hostIp, hostPort }) => [hostIp, hostPort])).toEqual([
      ['0.0.0.0', 8080],
      ['::', 8080],
      ['2001:db8::1', 8081],
      ['::1', 8082],
    ]);
    await join(other, { networkRef: 'dual', containerName: 'other' });
    serve(web, 80, '$SOCAT_PEERADDR', '6');
    serve(web, 80, 'four');
    const peer = '[2001:0db8:0000:0000:0000:0000:0000:0009]'; // the rule keeps who asks, the relay would not
    await eventually(async () => expect(await ask(outside, '2001:db8::1', 8080)).toBe(peer));
    expect(await ask(outside, '2001:db8::1', 8081)).toBe(peer);
    expect(await ask(outside, '192.0.2.1', 8080)).toBe('four');
    for (const at of [8080, 8082]) expect(await ask(undefined, '::1', at)).toContain('fd');
    expect(await ask(undefined, '2001:db8::1', 8080)).toContain('2001');
    expect(await ask(web, '2001:db8::1', 8080)).toContain('fd');
    expect(await ask(other, '2001:db8::1', 8080)).toContain('fd');
    await expect(ask(outside, '2001:db8::1', 8082)).rejects.toThrow();
    await world.restart();
    expect(await ask(outside, '2001:db8::1', 8080)).toBe(peer);
  });

  it('keeps networks apart, and internal ones to themselves', async () => {
    for (const name of ['red', 'blue']) await create(name);
    await create('inner', { internal: true });
    const [red, blue, inner, inner2, outside] = [
      await world.host.sandbox(),
      await world.host.sandbox(),
      await world.host.sandbox(),
      await world.host.sandbox(),
      await neighbour(),
    ];
    const redAt = await join(red, { networkRef: 'red', containerName: 'red' });
    await join(blue, { networkRef: 'blue', containerName: 'blue' });
    const innerAt = await join(inner, { networkRef: 'inner', containerName: 'inner' });
    await join(inner2, { networkRef: 'inner', containerName: 'inner2' });
    expect(innerAt).toMatchObject({ gateway: '', ipv6Gateway: '' });
    await ping(red, '2001:db8::9');
    await expect(ping(blue, redAt.ipv6Address)).rejects.toThrow();
    await expect(ping(outside, redAt.ipv6Address)).rejects.toThrow();
    await ping(inner2, innerAt.ipv6Address);
    await inner.run('ip', '-6', 'route', 'add', 'default', 'via', innerAt.ipv6Address.replace(/[^:]+$/, '1'));
    await expect(ping(inner, '2001:db8::9')).rejects.toThrow();
    await expect(ping(inner, redAt.ipv6Address)).rejects.toThrow();
    await expect(ping(outside, innerAt.ipv6Address)).rejects.toThrow();
  });

  it('tells the neighbours at once who has an address now', async () => {
    await create('dual', { pools: [subnet('fd00:1::/64')] });
    const [a, b, watcher] = [await world.host.sandbox(), await world.host.sandbox(), await world.host.sandbox()];
    await join(watcher, { networkRef: 'dual', containerName: 'watcher' });
    const sandboxId = newId();
    await join(a, { networkRef: 'dual', sandboxId, ipv6Address: 'fd00:1::5', macAddress: '02:00:00:00:00:0a' });
    await ping(watcher, 'fd00:1::5');
    await world.service.client.disconnect(context(), { networkRef: 'dual', sandboxId, force: false });
    await join(b, { networkRef: 'dual', ipv6Address: 'fd00:1::5', macAddress: '02:00:00:00:00:0b' });
    await eventually(async () => expect(await watcher.run('ip', '-6', 'neigh', 'show', 'fd00:1::5')).toContain('02:00:00:00:00:0b'), 2_000);
    await ping(watcher, 'fd00:1::5');
  });

  it('is on the default bridge by configuration, in an own block or in a given one', async () => {
    const bridge = async (change: Partial<typeof world.service.config.bridge>) => {
      await world.service.stop();
      await world.start({ ...world.service.config, bridge: { ...world.service.config.bridge, ...change } });
      return (await world.service.client.getNetwork(context(), { ref: 'bridge' })).network;
    };
    const before = (await world.service.client.getNetwork(context(), { ref: 'bridge' })).network;
    expect(before).toMatchObject({ enableIpv6: false, pools: [{ subnet: '172.17.0.0/16' }] });
    const own = await bridge({ ipv6: true });
    expect(own).toMatchObject({ id: before?.id, enableIpv6: true, pools: [{ subnet: '172.17.0.0/16' }, { configured: false }] });
    expect(own?.pools[1]?.subnet).toMatch(/^fd/);
    const given = await bridge({ 'subnet-v6': 'fd00:cc::5/64', 'range-v6': 'fd00:cc::1:0/112' });
    expect(given?.pools).toMatchObject([
      { subnet: 'fd00:cc::/64', gateway: 'fd00:cc::5', ipRange: 'fd00:cc::1:0/112' },
      { subnet: '172.17.0.0/16' },
    ]);
    const [a, b] = [await world.host.sandbox(), await world.host.sandbox()];
    await join(a, { containerName: 'a' });
    const second = await join(b, { containerName: 'b' });
    expect(second).toMatchObject({ ipv6Address: 'fd00:cc::1:1', ipv6Gateway: 'fd00:cc::5' });
    await ping(a, 'fd00:cc::1:1');
    expect(await bridge({})).toMatchObject({ enableIpv6: true });
    await world.service.client.reconcile(context(), { sandboxes: [], owner: '' });
    expect(await bridge({ ipv6: false })).toMatchObject({ enableIpv6: false });
    expect(world.host.nft('list', 'tables', 'ip6')).toBe('');
  });

  it('leads outside through the network that has both families, and takes the ports along', async () => {
    await create('dual', { pools: [subnet('fd00:1::/64')] });
    const sandbox = await world.host.sandbox();
    const sandboxId = newId();
    const ports = [port(8080)];
    expect(await join(sandbox, { sandboxId, ports, gatewayPriority: 5n })).toMatchObject({ defaultRoute: true });
    const dual = await join(sandbox, { sandboxId, networkRef: 'dual', ports });
    expect(dual).toMatchObject({ defaultRoute: true, ports: [{ hostIp: '0.0.0.0' }, { hostIp: '::' }] });
    expect(await sandbox.run('ip', 'route')).toContain(`default via ${dual.gateway} dev eth1`);
    expect(await sandbox.run('ip', '-6', 'route')).toContain('default via fd00:1::1 dev eth1');
    await world.service.client.disconnect(context(), { networkRef: 'dual', sandboxId, force: false });
    expect(await sandbox.run('ip', 'route')).toContain('default via 172.17.0.1 dev eth0');
    expect(await sandbox.run('ip', '-6', 'route')).not.toContain('default');
  });

  it('has a default route by another network than IPv4 has, where none has both', async () => {
    for (const [name, at] of [
      ['six', 'fd00:1::/64'],
      ['sixth', 'fd00:2::/64'],
    ] as const)
      await create(name, { enableIpv4: false, pools: [subnet(at)] });
    await create('dual', { pools: [subnet('fd00:3::/64')] });
    const [sandbox, sandboxId] = [await world.host.sandbox(), newId()];
    const connect = (networkRef: string) => join(sandbox, { sandboxId, networkRef });
    const disconnect = (networkRef: string) => world.service.client.disconnect(context(), { networkRef, sandboxId, force: false });
    const routes = async () => {
      const all = [await sandbox.run('ip', 'route'), await sandbox.run('ip', '-6', 'route')];
      return all.map((text) => /^default via (\S+)/m.exec(text)?.[1] ?? '');
    };
    await connect('six');
    expect(await routes()).toEqual(['', 'fd00:1::1']);
    expect(await connect('bridge')).toMatchObject({ defaultRoute: true });
    expect(await routes()).toEqual(['172.17.0.1', 'fd00:1::1']);
    await connect('sixth');
    await disconnect('six');
    expect(await routes()).toEqual(['172.17.0.1', 'fd00:2::1']);
    await connect('six');
    expect(await routes()).toEqual(['172.17.0.1', 'fd00:1::1']);
    await world.restart();
    expect(await routes()).toEqual(['172.17.0.1', 'fd00:1::1']);
    await connect('dual');
    expect((await routes())[1]).toBe('fd00:3::1');
    await disconnect('dual');
    expect(await routes()).toEqual(['172.17.0.1', 'fd00:1::1']);
    await disconnect('bridge');
    expect(await routes()).toEqual(['', 'fd00:1::1']);
  });

  it('has its addresses again after a restart, and gives none twice', async () => {
    await create('dual', { pools: [subnet('fd00:1::/126', { gateway: 'fd00:1::1', ipRange: 'fd00:1::2/127' })] });
    const first = await join(await world.host.sandbox(), { networkRef: 'dual', containerName: 'a' });
    await world.restart();
    const second = await join(await world.host.sandbox(), { networkRef: 'dual', containerName: 'b' });
    expect([first.ipv6Address, second.ipv6Address].sort()).toEqual(['fd00:1::2', 'fd00:1::3']);
    const third = await world.host.sandbox();
    await expect(join(third, { networkRef: 'dual', containerName: 'c' })).rejects.toThrow('no available IPv6 addresses on network dual');
    await world.service.client.reconcile(context(), { sandboxes: [], owner: '' });
    expect(await join(third, { networkRef: 'dual', containerName: 'c' })).toMatchObject({ ipAddress: expect.any(String) as string });
  });

  it('is not given to a sandbox that was told to have none', async () => {
    await create('dual');
    const [box, plain] = [await world.host.sandbox(), await world.host.sandbox()];
    await box.run('sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1');
    expect(await join(box, { networkRef: 'dual', ports: [port(8080)] })).toMatchObject({ ipv6Address: '', ipv6Gateway: '' });
    expect(await box.run('ip', '-6', 'addr')).toBe('');
    const other = await join(plain, { networkRef: 'dual', containerName: 'plain' });
    expect(other.ipv6Address).toMatch(/::2$/);
    serve(box, 80, 'four');
    await eventually(async () => expect(await ask(undefined, '::1', 8080)).toBe('four'));
  });

  it('has further addresses of the link, where they are asked for', async () => {
    await create('dual');
    const [a, b] = [await world.host.sandbox(), await world.host.sandbox()];
    await join(a, { networkRef: 'dual', containerName: 'a', linkLocalIps: ['fe80::5', '169.254.7.7'] });
    await join(b, { networkRef: 'dual', containerName: 'b', linkLocalIps: ['169.254.7.8'] });
    const addresses = await a.run('ip', 'addr', 'show', 'eth0');
    for (const each of ['inet6 fe80::5/64', 'inet 169.254.7.7/16']) expect(addresses).toContain(each);
    await ping(b, '169.254.7.7');
    for (const [networkRef, linkLocalIps, fault] of [
      ['dual', ['10.1.1.1'], 'invalid link local IP address: 10.1.1.1'],
      ['dual', ['fd00::9'], 'invalid link local IP address: fd00::9'],
      ['bridge', ['fe80::5'], 'cannot have the address fe80::5: it has no IPv6 on network bridge'],
    ] as const)
      await expect(join(await world.host.sandbox(), { networkRef, linkLocalIps: [...linkLocalIps] })).rejects.toThrow(fault);
  });

  it('is turned on by an option of the network, too', async () => {
    const options = { 'com.docker.network.enable_ipv6': 'true' };
    const { network } = await world.service.client.createNetwork(context(), createRequest({ name: 'opted', options }));
    expect(network).toMatchObject({ enableIpv6: true, options });
    const bad = createRequest({ name: 'x', options: { 'com.docker.network.enable_ipv6': 'x' } });
    await expect(world.service.client.createNetwork(context(), bad)).rejects.toThrow(
      'driver-opt "com.docker.network.enable_ipv6" is not a valid bool',
    );
  });

  it('keeps what was asked for of a family that a network has not', async () => {
    const pools = [subnet('10.97.0.0/24'), subnet('fd00:1::/64')];
    expect(await create('six', { enableIpv4: false, pools })).toMatchObject({
      enableIpv4: false,
      pools: [{ subnet: '10.97.0.0/24' }, { subnet: 'fd00:1::/64' }],
    });
    const box = await world.host.sandbox();
    expect(await join(box, { networkRef: 'six', ipAddress: '10.97.0.9' })).toMatchObject({ ipAddress: '', ipv6Address: 'fd00:1::2' });
    await expect(create('seven', { pools: [subnet('fd00:2::/64'), subnet('fd00:3::/64')] })).rejects.toThrow(
      "bridge driver doesn't support multiple subnets",
    );
  });

  it('has no gateway where the mode is isolated', async () => {
    const options = { 'com.docker.network.bridge.gateway_mode_ipv6': 'isolated' };
    await expect(create('open', { options })).rejects.toThrow("gateway mode 'isolated' can only be used for an internal network");
    const network = await create('alone', { internal: true, options, pools: [subnet('fd00:1::/64')] });
    expect(world.host.ip('-6', 'addr', 'show', `br-${network.id.slice(0, 12)}`)).toBe('');
    const [a, b] = [await world.host.sandbox(), await world.host.sandbox()];
    expect(await join(a, { networkRef: 'alone', containerName: 'a' })).toMatchObject({ ipv6Address: 'fd00:1::1', ipv6Gateway: '' });
    await join(b, { networkRef: 'alone', containerName: 'b' });
    await ping(b, 'fd00:1::1');
    await expect(create('x', { options: { 'com.docker.network.bridge.gateway_mode_ipv6': 'what' } })).rejects.toThrow(
      'failed to parse com.docker.network.bridge.gateway_mode_ipv6 value: what (unknown gateway mode what)',
    );
  });

  it('is reached by its own addresses in mode routed, at the ports that are published', async () => {
    await create('open', { options: { 'com.docker.network.bridge.gateway_mode_ipv6': 'routed' }, pools: [subnet('fd00:1::/64')] });
    await create('nat');
    const [web, other, outside] = [await world.host.sandbox(), await world.host.sandbox(), await neighbour()];
    const { ports, ipv6Address, ipAddress } = await join(web, { networkRef: 'open', ports: [port(8080), port(8081, '::1')] });
    expect(ports.map(({ hostIp, hostPort }) => [hostIp, hostPort])).toEqual([
      ['0.0.0.0', 8080],
      ['::', 0],
      ['::', 0],
    ]);
    await join(other, { networkRef: 'nat', containerName: 'other' });
    serve(web, 80, '$SOCAT_PEERADDR', '6');
    serve(web, 81, 'closed', '6');
    serve(web, 80, 'four');
    serve(outside, 7000, '$SOCAT_PEERADDR', '6');
    await eventually(async () => expect(await ask(outside, ipv6Address, 80)).toContain('0009]'));
    expect(await ask(other, ipv6Address, 80)).toContain('fd'); // also from another network, from an address of its own or the host's
    await ping(outside, ipv6Address);
    await expect(ask(outside, ipv6Address, 81)).rejects.toThrow();
    await expect(ask(outside, '2001:db8::1', 8080)).rejects.toThrow();
    expect(await ask(outside, '192.0.2.1', 8080)).toBe('four');
    await expect(ping(outside, ipAddress)).rejects.toThrow();
    expect(await ask(web, '2001:db8::9', 7000)).toContain('fd00:0001'); // nothing hides it
    await world.restart();
    expect(await ask(outside, ipv6Address, 80)).toContain('0009]');
  });

  it('moves a UDP client to the new holder of the port', async () => {
    await create('dual');
    const heard: string[] = [];
    const client = createSocket('udp6').on('message', (message) => heard.push(message.toString().trim()));
    world.host.ip('addr', 'add', '2001:db8::1/64', 'dev', 'lo', 'nodad');
    const answer = (box: TestSandbox, word: string) => box.start('socat', 'UDP6-RECVFROM:80,fork', `SYSTEM:echo ${word}`);
    const askUdp = (word: string) =>
      eventually(async () => {
        client.send('x', 5353, '2001:db8::1');
        await delay(20);
        expect(heard.at(-1)).toBe(word);
      });
    try {
      const [a, b] = [await world.host.sandbox(), await world.host.sandbox()];
      const sandboxId = newId();
      answer(a, 'first');
      answer(b, 'second');
      await join(a, { networkRef: 'dual', sandboxId, ports: [port(5353, '', 'udp')] });
      await askUdp('first');
      await world.service.client.releaseSandbox(context(), { sandboxId });
      await join(b, { networkRef: 'dual', ports: [port(5353, '', 'udp')] });
      await askUdp('second');
    } finally {
      client.close();
    }
  });

  it('builds everything again when the kernel lost it, and takes its table away with the last network', async () => {
    const network = await create('dual');
    const web = await world.host.sandbox();
    const sandboxId = newId();
    await join(web, { networkRef: 'dual', sandboxId, ports: [port(8080)] });
    await world.service.stop();
    world.host.nft('flush', 'ruleset');
    world.host.ip('link', 'del', `br-${network.id.slice(0, 12)}`);
    for (const [, name = ''] of world.host.ip('-o', 'link', 'show', 'type', 'veth').matchAll(/^\d+: ([^@:]+)/gm))
      world.host.ip('link', 'del', name);
    await world.start(world.service.config);
    serve(web, 80, 'again', '6');
    await eventually(async () => expect(await ask(undefined, '::1', 8080)).toBe('again'));
    const tables = (): string => world.host.nft('list', 'tables', 'ip6');
    expect(tables()).toContain('gantry');
    await world.service.client.reconcile(context(), { sandboxes: [], owner: '' });
    await world.service.client.removeNetwork(context(), { ref: 'dual' });
    expect(tables()).toBe('');
    expect(world.host.nft('list', 'ruleset')).not.toContain('br-');
  });

  it('leaves nothing after a purge', async () => {
    await create('dual');
    await world.service.stop();
    const { purge } = await import('./compose');
    const { silentLogger } = await import('@gantry/rpc');
    await purge({ config: world.service.config, data: `${world.service.config.root}/network`, logger: silentLogger as never });
    expect(world.host.nft('list', 'ruleset')).toBe('');
    expect(world.host.sysctl('net/ipv6/conf/all/forwarding')).toBe('0');
    await world.start(world.service.config);
  });
});
