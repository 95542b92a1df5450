import { delay, eventually } from './testing/host';
import { context, createRequest } from './testing/service';
import { ask, newWorlds, serve, tcp } from './testing/world';

/** A real kernel in a namespace of its own: needs root. */
const asRoot = process.getuid?.() === 0 ? describe : describe.skip;

const POOL = { subnet: '10.85.0.0/24', gateway: '10.85.0.1', ipRange: '', auxAddresses: {}, configured: true };
const TRUSTED = 'com.docker.network.bridge.trusted_host_interfaces';

asRoot('options of a bridge on a real kernel', () => {
  const world = newWorlds();
  const { join } = world;
  const create = (options: Record<string, string>, change: Parameters<typeof createRequest>[0] = {}) =>
    world.service.client.createNetwork(context(), createRequest({ name: 'net', pools: [POOL], options, ...change }));

  it('opens published ports of containers to trusted devices, to no others and no other ports', async () => {
    const [friend, stranger] = [
      await world.host.neighbour('lan0', '192.0.2.9', '192.0.2.1'),
      await world.host.neighbour('wan0', '198.51.100.9', '198.51.100.1'),
    ];
    await create({ [TRUSTED]: 'lan0:lan7' });
    const web = await world.host.sandbox();
    const { ipAddress } = await join(web, {
      networkRef: 'net',
      ports: [tcp(8080), tcp(8081, { hostIp: '127.0.0.1' }), tcp(8082, { containerPort: 81 })],
    });
    for (const port of [80, 81, 82]) serve(web, port, `hello ${port}`);
    await eventually(async () => expect(await ask(friend, ipAddress, 80)).toBe('hello 80'));
    await eventually(async () => expect(await ask(friend, ipAddress, 81)).toBe('hello 81'));
    await expect(ask(friend, ipAddress, 82)).rejects.toThrow();
    await expect(ask(stranger, ipAddress, 80)).rejects.toThrow();
    expect(await ask(stranger, '198.51.100.1', 8080)).toBe('hello 80');
    await world.restart();
    expect(await ask(friend, ipAddress, 80)).toBe('hello 80');
    await expect(ask(friend, ipAddress, 82)).rejects.toThrow();
    await expect(ask(stranger, ipAddress, 80)).rejects.toThrow();
  });

  it('hides containers behind the address of the host’s that is named', async () => {
    const outside = await world.host.neighbour('lan0', '192.0.2.9', '192.0.2.1');
    world.host.ip('addr', 'add', '192.0.2.77/32', 'dev', 'lan0');
    await create({ 'com.docker.network.host_ipv4': '192.0.2.77' });
    const sandbox = await world.host.sandbox();
    await join(sandbox, { networkRef: 'net' });
    serve(outside, 7000, '$SOCAT_PEERADDR');
    await eventually(async () => expect(await ask(sandbox, '192.0.2.9', 7000)).toBe('192.0.2.77'));
    await world.service.client.removeNetwork(context(), { ref: 'net' }).catch(() => undefined); // in use
    await world.restart();
    expect(await ask(sandbox, '192.0.2.9', 7000)).toBe('192.0.2.77');
  });

  it('sends what leaves by another gateway where an auxiliary address says so', async () => {
    await create({}, { pools: [{ ...POOL, auxAddresses: { DefaultGatewayIPv4: '10.85.0.2' } }] });
    const sandbox = await world.host.sandbox();
    expect(await join(sandbox, { networkRef: 'net' })).toMatchObject({ ipAddress: '10.85.0.3', gateway: '10.85.0.2' });
    expect(await sandbox.run('ip', 'route')).toContain('default via 10.85.0.2 dev eth0');
  });

  it('has another gateway on the default bridge, which follows the configuration', async () => {
    await world.service.stop();
    const bridge = {
      ...world.service.config.bridge,
      subnet: '10.86.0.1/24',
      gateway: '10.86.0.9',
      ipv6: true,
      'subnet-v6': 'fd86::1/64',
      'gateway-v6': 'fd86::9',
    };
    await world.start({ ...world.service.config, bridge });
    const sandbox = await world.host.sandbox();
    expect(await join(sandbox)).toMatchObject({ gateway: '10.86.0.9', ipv6Gateway: 'fd86::9' });
    const { network } = await world.service.client.getNetwork(context(), { ref: 'bridge' });
    expect(network?.pools).toEqual([
      expect.objectContaining({ subnet: '10.86.0.0/24', gateway: '10.86.0.1', auxAddresses: { DefaultGatewayIPv4: '10.86.0.9' } }),
      expect.objectContaining({ subnet: 'fd86::/64', gateway: 'fd86::1', auxAddresses: { DefaultGatewayIPv6: 'fd86::9' } }),
    ]);
  });

  const COUNT = 'com.docker.network.advertise_addr_nmsgs';
  const INTERVAL = 'com.docker.network.advertise_addr_ms';
  it.each([
    [{ [COUNT]: '3', [INTERVAL]: '100' }, 3],
    [{ [INTERVAL]: '100' }, 3],
    [{ [COUNT]: '1' }, 1],
    [{ [COUNT]: '0' }, 0],
  ])('tells neighbours of an address as often as %j says', async (options, count) => {
    world.host.nft('add', 'table', 'arp', 'seen');
    world.host.nft('add', 'chain', 'arp', 'seen', 'in', '{ type filter hook input priority 0; }');
    world.host.nft('add', 'rule', 'arp', 'seen', 'in', 'counter');
    const seen = (): number => Number(/packets (\d+)/.exec(world.host.nft('list', 'table', 'arp', 'seen'))?.[1]);
    await create(options);
    await join(await world.host.sandbox(), { networkRef: 'net' });
    await eventually(() => expect(seen()).toBe(count));
    await delay(250); // and no more of them
    expect(seen()).toBe(count);
  });

  it.each([
    [{ [COUNT]: '9' }, `${COUNT} must be in the range 0 to 3`],
    [{ [COUNT]: 'x', [INTERVAL]: '9' }, `value for option ${COUNT} "x" must be an integer\n${INTERVAL} must be in the range 100 to 2000`],
    [{ [INTERVAL]: 'x' }, `value for option ${INTERVAL} "x" must be integer milliseconds`],
    [{ [TRUSTED]: 'lan0:a-name-that-is-too-long' }, `option ${TRUSTED}: "a-name-that-is-too-long" is no interface name`],
    [{ 'com.docker.network.host_ipv4': 'what' }, 'failed to parse com.docker.network.host_ipv4 value: what (nil ip)'],
    [{ 'com.docker.network.host_ipv6': 'what' }, 'failed to parse com.docker.network.host_ipv6 value: what (nil ip)'],
    [{ 'com.docker.network.host_ipv4': '::1' }, 'option com.docker.network.host_ipv4: "::1" is no IPv4 address'],
  ])('refuses %j', async (options, message) => {
    await expect(create(options)).rejects.toMatchObject({ message });
  });
});
