import type { CreateNetworkRequest } from '@gantry/api/gantry/network/v1/network';
import { hasKind } from './link/stacked';
import { LinuxKernel } from './kernel/linux-kernel';
import { NetlinkConnection } from './netlink/connection';
import type { TestHost, TestSandbox } from './testing/host';
import { context, createRequest } from './testing/service';
import { newId, newWorlds, ping } from './testing/world';

/** A real kernel in a namespace of its own: needs root. */
const asRoot = process.getuid?.() === 0 ? describe : describe.skip;

const pool = (subnet: string, gateway: string) => ({ subnet, gateway, ipRange: '', auxAddresses: {}, configured: true });
const SUBNET = pool('10.80.0.0/24', '10.80.0.1');

/** Has links of a kind: what the kernel lacks is refused by name, which is asserted, too. */
async function supports(kind: string): Promise<boolean> {
  const connection = new NetlinkConnection(new LinuxKernel().netlink('route'));
  try {
    return await hasKind(connection, kind);
  } finally {
    connection.close();
  }
}

asRoot('macvlan and ipvlan on a real kernel', () => {
  let outside: TestSandbox;
  /** A machine at the other end of the parent: 10.80.0.1. */
  const world = newWorlds(async (host: TestHost) => {
    outside = await host.sandbox();
    host.ip('link', 'add', 'lan0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(outside.pid));
    host.ip('link', 'set', 'lan0', 'up');
    await outside.run('ip', 'link', 'set', 'eth0', 'up');
    for (const address of ['10.80.0.1/24', '10.81.0.1/24']) await outside.run('ip', 'addr', 'add', address, 'dev', 'eth0');
    await outside.run('ip', 'addr', 'add', 'fd80::1/64', 'dev', 'eth0', 'nodad');
    return {};
  });
  const client = () => world.service.client;
  const create = async (change: Partial<CreateNetworkRequest>) =>
    (await client().createNetwork(context(), createRequest({ name: 'net', driver: 'macvlan', ...change }))).network;
  const remove = (ref: string) => client().removeNetwork(context(), { ref });
  const connect = (sandbox: TestSandbox, change: object = {}) => world.join(sandbox, { networkRef: 'net', ...change });

  it('puts sandboxes where the parent leads', async () => {
    await create({
      options: { parent: 'lan0' },
      pools: [SUBNET, pool('10.81.0.0/24', '10.81.0.1'), pool('fd80::/64', 'fd80::1')],
      enableIpv6: true,
    });
    const [a, b] = [await world.host.sandbox(), await world.host.sandbox()];
    expect(await connect(a)).toMatchObject({
      ipAddress: '10.80.0.2',
      gateway: '10.80.0.1',
      ipv6Address: 'fd80::2',
      ipv6Gateway: 'fd80::1',
    });
    expect(await connect(b, { ipAddress: '10.81.0.9', containerName: 'b' })).toMatchObject({ gateway: '10.81.0.1' });
    await ping(a, '10.80.0.1');
    await a.run('busybox', 'ping', '-c1', '-W2', 'fd80::1');
    await ping(b, '10.81.0.1');
    expect(await b.run('ip', 'route')).toContain('default via 10.81.0.1 dev eth0');
    expect(await a.run('ip', '-6', 'route')).toContain('default via fd80::1 dev eth0');
    await ping(a, '10.80.0.2'); // not the host's
    await expect(a.run('busybox', 'ping', '-c1', '-W1', '172.17.0.1')).rejects.toThrow();
  });

  it.each([
    ['', 'bridge'],
    ['bridge', 'bridge'],
    ['private', 'private'],
    ['vepa', 'vepa'],
    ['passthru', 'passthru'],
  ])('has mode "%s"', async (mode, known) => {
    await create({ options: { parent: 'lan0', macvlan_mode: mode, 'com.docker.network.driver.mtu': '1400' }, pools: [SUBNET] });
    const [a, b] = [await world.host.sandbox(), await world.host.sandbox()];
    await connect(a);
    expect(await a.run('ip', '-d', 'link', 'show', 'eth0')).toMatch(new RegExp(`mtu 1400 [^]*macvlan mode ${known}\\b`));
    await ping(a, '10.80.0.1');
    if (known === 'passthru') {
      await expect(connect(b)).rejects.toThrow(/^failed to create the macvlan port: /);
      return;
    }
    const { ipAddress } = await connect(b);
    if (known === 'bridge') await ping(a, ipAddress);
    else await expect(ping(a, ipAddress)).rejects.toThrow();
  });

  it('takes the MAC address that is asked for, and another one for each sandbox', async () => {
    await create({ options: { parent: 'lan0' }, pools: [SUBNET] });
    const [a, b] = [await world.host.sandbox(), await world.host.sandbox()];
    expect((await connect(a, { macAddress: '02:11:22:33:44:55' })).macAddress).toBe('02:11:22:33:44:55');
    expect(await a.run('ip', 'link', 'show', 'eth0')).toContain('02:11:22:33:44:55');
    const { macAddress } = await connect(b);
    expect(macAddress).toMatch(/^.[26ae]:/);
    expect(await b.run('ip', 'link', 'show', 'eth0')).toContain(macAddress);
  });

  it('has no gateway on an internal network and without a parent, where it makes a link of its own', async () => {
    expect(await create({ name: 'in', options: { parent: 'lan0' }, internal: true, pools: [pool('10.82.0.0/24', '')] })).toMatchObject({
      internal: true,
    });
    const network = await create({ pools: [pool('10.83.0.0/24', '')] });
    expect(network).toMatchObject({ internal: false });
    const device = `dm-${network?.id.slice(0, 12)}`;
    expect(world.host.ip('-br', 'link', 'show', device)).toMatch(/UP/);
    const sandbox = await world.host.sandbox();
    expect(await connect(sandbox)).toMatchObject({ ipAddress: '10.83.0.1', gateway: '' });
    expect(await sandbox.run('ip', 'route')).not.toContain('default');
    await sandbox.end();
    await client().releaseSandbox(context(), {
      sandboxId: (await client().getNetwork(context(), { ref: 'net' })).network?.endpoints[0]?.sandboxId ?? '',
    });
    await remove('net');
    expect(world.host.ip('-br', 'link')).not.toContain(device.slice(3));
    await remove('in');
    expect(world.host.ip('-br', 'link')).toContain('lan0');
  });

  it('has no addresses where none are asked for', async () => {
    await create({ options: { parent: 'lan0' }, enableIpv4: false });
    const sandbox = await world.host.sandbox();
    expect(await connect(sandbox)).toMatchObject({ ipAddress: '', gateway: '', interface: 'eth0' });
    expect(await sandbox.run('ip', '-o', 'addr', 'show', 'eth0')).toBe('');
  });

  it('makes its links again after a reboot, and what is left over of a connection gives way', async () => {
    const network = await create({ pools: [SUBNET] });
    const sandbox = await world.host.sandbox();
    const { ipAddress, macAddress } = await connect(sandbox);
    await world.service.stop();
    world.host.ip('link', 'del', `dm-${network?.id.slice(0, 12)}`); // and the sandbox's with it
    await world.start(world.service.config);
    expect(await sandbox.run('ip', 'addr', 'show', 'eth0')).toContain(`${ipAddress}/24`);
    const other = await world.host.sandbox();
    world.host.ip('link', 'add', 'mv0', 'link', `dm-${network?.id.slice(0, 12)}`, 'type', 'macvlan', 'mode', 'bridge');
    world.host.ip('link', 'set', 'mv0', 'netns', String(other.pid), 'name', 'eth0');
    const fresh = await connect(other, { containerName: 'other' });
    expect(fresh.macAddress).not.toBe(macAddress);
    expect(await other.run('ip', 'link', 'show', 'eth0')).toContain(fresh.macAddress);
    const taken = await world.host.sandbox();
    await taken.run('ip', 'link', 'add', 'eth0', 'type', 'bridge');
    await expect(connect(taken, { containerName: 'taken' })).rejects.toThrow('interface "eth0": file exists');
    expect(await taken.run('ip', '-d', 'link', 'show', 'eth0')).toContain('bridge'); // is still its maker's
  });

  it.each([
    [{ parent: 'nope' }, 'invalid subinterface vlan name nope, example formatting is eth0.10'],
    [{ parent: 'a-name-that-is-too-long' }, 'invalid subinterface vlan name a-name-that-is-too-long, example formatting is eth0.10'],
    [{ parent: 'nope.10' }, '-o parent interface was not found on the host: nope'],
    [{ parent: 'lan0.5000' }, 'vlan id must be between 1-4094, received: 5000'],
    [{ parent: 'lan0.x' }, 'unable to parse a valid vlan id from: x (ex. eth0.10 for vlan 10)'],
    [{ parent: 'a.b.c' }, 'required interface name format is: name.vlan_id, ex. eth0.10 for vlan 10, instead received a.b.c'],
    [{ parent: 'lo' }, 'loopback interface is not a valid macvlan parent link'],
    [{ parent: 'lan0', 'com.docker.network.driver.mtu': '1' }, 'option com.docker.network.driver.mtu: "1" is no MTU between 68 and 65535'],
  ])('refuses %j', async (options, message) => {
    await expect(create({ options })).rejects.toMatchObject({ message });
  });

  it('shares a parent, unless one has it for itself', async () => {
    const first = await create({ name: 'a', options: { parent: 'lan0' } });
    await create({ name: 'b', options: { parent: 'lan0', macvlan_mode: 'private' } });
    await expect(create({ name: 'c', options: { parent: 'lan0', macvlan_mode: 'passthru' } })).rejects.toMatchObject({
      message: `cannot use mode passthru, macvlan network ${first?.id} is already using parent interface lan0`,
    });
    for (const name of ['a', 'b']) await remove(name);
    const alone = await create({ name: 'c', options: { parent: 'lan0', macvlan_mode: 'passthru' } });
    await expect(create({ name: 'd', options: { parent: 'lan0' } })).rejects.toMatchObject({
      message: `macvlan network ${alone?.id} is already using parent interface lan0 in mode passthru`,
    });
  });

  it('refuses a network without addresses that it is to have', async () => {
    const options = { parent: 'lan0' };
    await expect(create({ options, ipamDriver: 'null' })).rejects.toMatchObject({ message: 'ipv4 pool is empty' });
    await create({ options, ipamDriver: 'null', enableIpv4: false });
  });

  it('makes a VLAN of the parent and takes it away with the last network on it, or says what the kernel lacks', async () => {
    const options = { parent: 'lan0.10' };
    if (!(await supports('vlan'))) {
      await expect(create({ options })).rejects.toMatchObject({
        message: 'failed to create lan0.10 vlan link: operation not supported: the kernel has no links of kind vlan',
      });
      return;
    }
    await create({ name: 'a', options });
    await world.restart();
    await create({ name: 'b', options });
    expect(world.host.ip('-d', 'link', 'show', 'lan0.10')).toContain('vlan protocol 802.1Q id 10');
    await remove('a');
    expect(world.host.ip('-br', 'link')).toContain('lan0.10');
    await remove('b');
    expect(world.host.ip('-br', 'link')).not.toContain('lan0.10');
    world.host.ip('link', 'add', 'link', 'lan0', 'name', 'lan0.11', 'type', 'vlan', 'id', '11');
    await create({ name: 'a', options: { parent: 'lan0.11' } });
    await remove('a');
    expect(world.host.ip('-br', 'link')).toContain('lan0.11'); // somebody else's
  });

  it.each([
    [{ parent: 'lan0', ipvlan_mode: 'l9' }, "requested ipvlan mode 'l9' is not valid, 'l2' mode is the ipvlan driver default"],
    [{ parent: 'lan0', ipvlan_flag: 'what' }, "requested ipvlan flag 'what' is not valid, 'bridge' is the ipvlan driver default"],
    [{ parent: 'lo' }, 'loopback interface is not a valid ipvlan parent link'],
  ])('refuses %j of ipvlan', async (options, message) => {
    await expect(create({ driver: 'ipvlan', options })).rejects.toMatchObject({ message });
  });

  it.each([
    ['l2', '', 'mode l2 bridge', 'default via 10.80.0.1 dev eth0'],
    ['l2', 'private', 'mode l2 private', 'default via 10.80.0.1 dev eth0'],
    ['l3', '', 'mode l3 bridge', 'default dev eth0 scope link'],
    ['l3s', 'vepa', 'mode l3s vepa', 'default dev eth0 scope link'],
  ])('has ipvlan in mode %s with flag "%s", or says that the kernel lacks it', async (mode, flag, shown, route) => {
    const options = { parent: 'lan0', ipvlan_mode: mode, ipvlan_flag: flag };
    const pools = [pool('10.80.0.0/24', mode === 'l2' ? '10.80.0.1' : '')];
    if (!(await supports('ipvlan'))) {
      await expect(create({ driver: 'ipvlan', options, pools })).rejects.toMatchObject({
        kind: 'failedPrecondition',
        message: 'network net: the kernel has no links of kind ipvlan (module ipvlan)',
      });
      return;
    }
    const network = await create({ driver: 'ipvlan', options, pools });
    await expect(create({ name: 'other', driver: 'ipvlan', options })).rejects.toMatchObject({
      message: `network di-${network?.id.slice(0, 12)} is already using parent interface lan0`,
    });
    const [a, b] = [await world.host.sandbox(), await world.host.sandbox()];
    await expect(connect(a, { macAddress: '02:11:22:33:44:55' })).rejects.toThrow(
      'ipvlan interfaces do not support custom mac address assignment',
    );
    const sandboxId = newId();
    expect(await connect(a, { sandboxId })).toMatchObject({ macAddress: '' });
    const { ipAddress } = await connect(b, { containerName: 'b' });
    expect(await a.run('ip', '-d', 'link', 'show', 'eth0')).toContain(`ipvlan ${shown}`);
    expect(await a.run('ip', 'route')).toContain(route);
    if (flag === '') await ping(a, ipAddress);
    await world.restart();
    expect(await a.run('ip', 'route')).toContain(route);
    await client().disconnect(context(), { networkRef: 'net', sandboxId, force: false });
    expect(await a.run('ip', '-br', 'link')).not.toContain('eth0');
  });
});
