import type { CreateNetworkRequest, Endpoint, Network } from '@gantry/api/gantry/network/v1/network';
import type { NetworkConfig } from '../config';
import type { TestHost, TestSandbox } from './host';
import { connectRequest, context, createRequest } from './service';
import { newId, newWorlds, ping, tcp, type World } from './world';

/** A driver, and how a network of it is made. */
export interface DriverUnderContract {
  readonly name: string;
  /** What the host must have before the service starts, and what the service is told of it. */
  readonly prepare?: (host: TestHost) => Promise<Partial<NetworkConfig>>;
  readonly ended?: () => Promise<void>;
  /** Undefined: users make none, the predefined one is meant. */
  readonly create?: Partial<CreateNetworkRequest>;
  readonly predefined?: string;
  /** What sandboxes get: an interface with an address, their own loopback only, or nothing, as they are in the host's namespace. */
  readonly gives: 'interface' | 'loopback' | 'nothing';
  /** It chooses MAC addresses. */
  readonly macs?: boolean;
  /** Published ports reach sandboxes. */
  readonly publishes?: boolean;
  /** Who has its networks; absent: the engine that made them. */
  readonly scope?: 'global';
  /** Its networks take several subnets of IPv4. */
  readonly severalSubnets?: boolean;
  /** What it says to the option `wrong`; absent where any option is the driver's own. */
  readonly wrong?: { readonly options: Readonly<Record<string, string>>; readonly message: string };
}

/** What every driver keeps to, by the service's own interface and a real kernel. To be called inside a describe block. */
export function driverContract(driver: DriverUnderContract): void {
  const world = newWorlds(driver.prepare);
  if (driver.ended !== undefined) afterEach(driver.ended);
  const client = () => world.service.client;
  const ref = driver.predefined ?? 'net';
  const SUBNET = { subnet: '10.83.0.0/24', gateway: '10.83.0.254', ipRange: '', auxAddresses: {}, configured: true };
  const make = async (change: Partial<CreateNetworkRequest> = {}): Promise<Network> => {
    if (driver.create === undefined) return look();
    const request = createRequest({ name: ref, driver: driver.name, pools: [SUBNET], ...driver.create, ...change });
    return known((await client().createNetwork(context(), request)).network);
  };
  const look = async (): Promise<Network> => known((await client().getNetwork(context(), { ref })).network);
  const connect = (sandbox: TestSandbox, change: Parameters<World['join']>[1] = {}): Promise<Endpoint> =>
    world.join(sandbox, { networkRef: ref, ...change });
  const inside = (sandbox: TestSandbox): Promise<string> => sandbox.run('ip', '-br', 'link');
  const links = (): string[] =>
    world.host
      .ip('-br', 'link')
      .split('\n')
      .map((line) => line.split(/\s/)[0] ?? '')
      .sort();
  const interfaces = driver.gives === 'interface' ? it : it.skip;
  const made = driver.create === undefined ? it.skip : it;

  made('makes a network that is found by name, id and the beginning of an id, once for one operation', async () => {
    const request = createRequest({ name: ref, driver: driver.name, pools: [SUBNET], ...driver.create });
    const ctx = { ...context(), operationId: newId() };
    const { network } = await client().createNetwork(ctx, request);
    expect(network).toMatchObject({ name: ref, driver: driver.name, scope: driver.scope ?? 'local', predefined: false, endpoints: [] });
    expect((await client().createNetwork(ctx, request)).network?.id).toBe(network?.id);
    for (const by of [ref, network?.id ?? '', network?.id.slice(0, 12) ?? ''])
      expect((await client().getNetwork(context(), { ref: by })).network?.id).toBe(network?.id);
    await expect(make()).rejects.toMatchObject({ kind: 'alreadyExists' });
  });

  made('shows what was asked for, and what is the owner’s own, also after a restart', async () => {
    const labels = { of: 'me' };
    const options = { ...driver.create?.options, 'org.example.note': 'mine' };
    await make({ labels, options, attachable: true });
    const before = await look();
    expect(before).toMatchObject({ labels, options, attachable: true, pools: [SUBNET] });
    await world.restart();
    expect(await look()).toEqual(before);
  });

  if (driver.create === undefined)
    it('has one network, which users make none beside', async () => {
      await expect(client().createNetwork(context(), createRequest({ name: 'net', driver: driver.name }))).rejects.toMatchObject({
        kind: 'forbidden',
        message: `only one instance of "${driver.name}" network is allowed`,
      });
      expect(await look()).toMatchObject({ driver: driver.name, predefined: true });
      await expect(client().removeNetwork(context(), { ref })).rejects.toMatchObject({ kind: 'forbidden' });
    });

  if (driver.wrong !== undefined)
    it('refuses an option that says nothing, and leaves nothing of the network', async () => {
      const [before, { options, message }] = [links(), driver.wrong ?? { options: {}, message: '' }];
      await expect(make({ options: { ...driver.create?.options, ...options } })).rejects.toMatchObject({ message });
      expect(links()).toEqual(before);
      await expect(look()).rejects.toMatchObject({ kind: 'notFound' });
    });

  it('connects a sandbox once, and shows it', async () => {
    await make();
    const sandbox = await world.host.sandbox();
    const sandboxId = newId();
    const request = connectRequest({ networkRef: ref, sandboxId, netnsPath: sandbox.path });
    const ctx = { ...context(), operationId: newId() };
    const { endpoint } = await client().connect(ctx, request);
    expect((await client().connect(ctx, request)).endpoint).toEqual(endpoint);
    expect((await look()).endpoints).toEqual([endpoint]);
    await expect(client().connect(context(), request)).rejects.toMatchObject({
      message: `endpoint with name web already exists in network ${ref}`,
    });
    if (driver.gives !== 'interface') expect(endpoint).toMatchObject({ interface: '', ipAddress: '', macAddress: '', gateway: '' });
    if (driver.gives === 'loopback') expect(await inside(sandbox)).toMatch(/^lo +UNKNOWN .*\n$/);
  });

  interfaces('gives an interface its name, addresses and route', async () => {
    await make();
    const sandbox = await world.host.sandbox();
    const endpoint = await connect(sandbox, { ipAddress: '10.83.0.9' });
    expect(endpoint).toMatchObject({ ipAddress: '10.83.0.9', ipPrefixLen: 24, interface: expect.stringMatching(/^eth0$/) });
    expect(await sandbox.run('ip', '-4', 'addr', 'show', 'eth0')).toContain('10.83.0.9/24 brd 10.83.0.255');
    expect(await sandbox.run('ip', '-br', 'link', 'show', 'lo')).toContain('LOOPBACK,UP');
    if (driver.macs === true) expect(await inside(sandbox)).toContain(endpoint.macAddress);
    if (endpoint.gateway !== '') expect(await sandbox.run('ip', 'route')).toContain(`default via ${endpoint.gateway} dev eth0`);
    await expect(connect(await world.host.sandbox(), { ipAddress: '10.83.0.9' })).rejects.toThrow('Address already in use');
    await expect(connect(await world.host.sandbox(), { ipAddress: '10.84.0.9' })).rejects.toThrow('10.84.0.9');
  });

  interfaces('lets sandboxes reach one another', async () => {
    await make();
    const [a, b] = [await world.host.sandbox(), await world.host.sandbox()];
    await connect(a);
    await ping(a, (await connect(b, { containerName: 'b' })).ipAddress);
  });

  interfaces('takes an interface away while the sandbox lives, and its address is free', async () => {
    await make();
    const before = links();
    const sandbox = await world.host.sandbox();
    const sandboxId = newId();
    const { ipAddress } = await connect(sandbox, { sandboxId });
    await client().disconnect(context(), { networkRef: ref, sandboxId, force: false });
    expect(await inside(sandbox)).not.toContain('eth0');
    expect(links()).toEqual(before);
    expect((await look()).endpoints).toEqual([]);
    await expect(client().disconnect(context(), { networkRef: ref, sandboxId, force: false })).rejects.toMatchObject({ kind: 'notFound' });
    await client().disconnect(context(), { networkRef: ref, sandboxId, force: true });
    expect(await connect(sandbox, { sandboxId, ipAddress })).toMatchObject({ ipAddress, interface: 'eth0' });
  });

  interfaces('keeps an interface over a restart as it is, and no address is given twice', async () => {
    await make();
    const [a, b] = [await world.host.sandbox(), await world.host.sandbox()];
    const first = await connect(a);
    const index = await a.run('cat', '/sys/class/net/eth0/ifindex').catch(() => a.run('ip', '-o', 'link', 'show', 'eth0'));
    await world.restart();
    expect((await look()).endpoints).toEqual([first]);
    expect(await a.run('cat', '/sys/class/net/eth0/ifindex').catch(() => a.run('ip', '-o', 'link', 'show', 'eth0'))).toBe(index);
    const second = await connect(b, { containerName: 'b' });
    expect(second.ipAddress).not.toBe(first.ipAddress);
    await ping(a, second.ipAddress);
  });

  interfaces('puts a sandbox on two networks at a time', async () => {
    await make();
    const sandbox = await world.host.sandbox();
    const sandboxId = newId();
    await world.join(sandbox, { sandboxId, networkRef: 'bridge' });
    expect(await connect(sandbox, { sandboxId })).toMatchObject({ interface: 'eth1' });
    await client().disconnect(context(), { networkRef: 'bridge', sandboxId, force: false });
    expect(await inside(sandbox)).toMatch(/eth1/);
    expect((await look()).endpoints).toHaveLength(1);
  });

  it('publishes ports, or says why it does not', async () => {
    await make();
    const sandbox = await world.host.sandbox();
    const request = connectRequest({ networkRef: ref, sandboxId: newId(), netnsPath: sandbox.path, ports: [tcp(8080)] });
    const { endpoint, warnings } = await client().connect(context(), request);
    if (driver.publishes === true) expect(endpoint?.ports.length).toBeGreaterThan(0);
    else expect(warnings.join()).toContain('Published ports are discarded');
  });

  it('forgets a sandbox that has ended, and is not removed before', async () => {
    const before = links();
    const { predefined } = await make();
    const sandbox = await world.host.sandbox();
    const sandboxId = newId();
    await connect(sandbox, { sandboxId });
    const words = predefined ? 'is a pre-defined network' : 'has active endpoints';
    await expect(client().removeNetwork(context(), { ref })).rejects.toMatchObject({ message: expect.stringContaining(words) });
    await sandbox.end();
    await client().releaseSandbox(context(), { sandboxId });
    await client().releaseSandbox(context(), { sandboxId });
    expect((await look()).endpoints).toEqual([]);
    if (predefined) return;
    await client().removeNetwork(context(), { ref });
    expect(links()).toEqual(before);
    await expect(look()).rejects.toMatchObject({ kind: 'notFound' });
  });

  interfaces('lets go of what died while the service was away', async () => {
    await make();
    const [a, b] = [await world.host.sandbox(), await world.host.sandbox()];
    const [gone, alive] = [newId(), newId()];
    await connect(a, { sandboxId: gone });
    await connect(b, { sandboxId: alive, containerName: 'b' });
    await world.service.stop();
    await a.end();
    await world.start(world.service.config);
    const { releasedSandboxIds } = await client().reconcile(context(), {
      sandboxes: [{ sandboxId: alive, netnsPath: b.path }],
      owner: '',
    });
    expect(releasedSandboxIds).toEqual([gone]);
    expect((await look()).endpoints.map(({ sandboxId }) => sandboxId)).toEqual([alive]);
  });

  interfaces('has several subnets, or refuses them', async () => {
    const pools = [SUBNET, { ...SUBNET, subnet: '10.84.0.0/24', gateway: '10.84.0.254' }];
    if (driver.severalSubnets !== true) {
      await expect(make({ pools })).rejects.toMatchObject({ kind: 'forbidden' });
      return;
    }
    await make({ pools });
    const sandbox = await world.host.sandbox();
    expect(await connect(sandbox, { ipAddress: '10.84.0.9' })).toMatchObject({ ipAddress: '10.84.0.9', ipPrefixLen: 24 });
    expect(await sandbox.run('ip', '-4', 'addr', 'show', 'eth0')).toContain('10.84.0.9/24');
    expect((await look()).pools.map(({ subnet }) => subnet)).toEqual(['10.83.0.0/24', '10.84.0.0/24']);
  });
}

function known(network: Network | undefined): Network {
  if (network === undefined) throw new Error('no network');
  return network;
}
