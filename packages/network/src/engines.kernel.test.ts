import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { networkDefaults } from './config';
import { TestHost } from './testing/host';
import { connectRequest, context, createRequest, startTestService, type TestService } from './testing/service';

/** A real kernel in a namespace of its own: needs root. */
const asRoot = process.getuid?.() === 0 ? describe : describe.skip;

asRoot('engines that share a network namespace', () => {
  let host: TestHost;
  const running = new Set<TestService>();
  beforeEach(() => {
    host = new TestHost();
  });
  afterEach(async () => {
    for (const service of running) await service.stop();
    running.clear();
    await host.close();
  });

  const start = async (
    name: string,
    bridge: Partial<typeof networkDefaults.bridge>,
    change: Partial<typeof networkDefaults> = {},
  ): Promise<TestService> => {
    const service = await startTestService(join(host.directory, name), { ...change, bridge: { ...networkDefaults.bridge, ...bridge } });
    running.add(service);
    return service;
  };
  const end = async (service: TestService): Promise<void> => {
    running.delete(service);
    await service.stop();
  };
  const attach = async (service: TestService): Promise<void> => {
    const sandbox = await host.sandbox();
    await service.client.connect(context(), connectRequest({ sandboxId: randomBytes(32).toString('hex'), netnsPath: sandbox.path }));
  };
  const deviceOf = async (service: TestService): Promise<string> =>
    (await service.client.listNetworks(context(), {})).networks[0]?.options['com.docker.network.bridge.name'] ?? '';
  const bridges = (): string[] =>
    [...host.ip('-o', 'link', 'show', 'type', 'bridge').matchAll(/^\d+: ([^:]+):/gm)].map(([, name]) => name ?? '').sort();
  const tables = (): string[] => [...host.nft('list', 'tables').matchAll(/ (gantry\S*)$/gm)].map(([, name]) => name ?? '');

  it('follow one another on the device that they share; one beside another has a device of its own', async () => {
    const first = await start('a', { shared: 'docker0', subnet: '10.66.66.1/24', icc: false });
    const beside = await start('b', { shared: 'docker0', subnet: '10.66.67.1/24' });
    expect([await deviceOf(first), await deviceOf(beside)]).toEqual(['docker0', expect.stringMatching(/^gantry-/)]);
    const [table] = tables();
    await end(first);
    const next = await start('c', { shared: 'docker0', subnet: '10.66.66.1/24' });
    expect(await deviceOf(next)).toBe('docker0');
    expect(bridges()).toHaveLength(2);
    // Nothing of what the first one said about the device is left.
    expect([tables().length, tables().includes(table ?? '')]).toEqual([2, false]);
    expect(host.ip('-4', 'addr', 'show', 'docker0')).toContain('10.66.66.1/24');
  });

  it('leave a shared device to whom it belongs: an ended engine with containers, a stranger; its own engine has it again', async () => {
    const first = await start('a', { shared: 'docker0' });
    await attach(first);
    await end(first);
    const other = await start('b', { shared: 'docker0' });
    expect(await deviceOf(other)).toMatch(/^gantry-/);
    await end(other);
    const again = await start('a', { shared: 'docker0' });
    expect(await deviceOf(again)).toBe('docker0');
    host.ip('link', 'add', 'lent0', 'type', 'bridge');
    host.ip('link', 'add', 'port0', 'type', 'veth', 'peer', 'name', 'port1');
    host.ip('link', 'set', 'port0', 'master', 'lent0');
    expect(await deviceOf(await start('c', { shared: 'lent0' }))).toMatch(/^gantry-/);
    host.ip('link', 'set', 'port0', 'nomaster');
    expect(await deviceOf(await start('d', { shared: 'lent0' }))).toBe('lent0'); // nobody has anything on it
  });

  it('take a bridge away that an ended one left in the subnet, with nothing attached', async () => {
    const subnet = '10.66.66.1/24';
    const [idle, busy, elsewhere] = [
      await start('a', { subnet }),
      await start('b', { subnet }),
      await start('c', { subnet: '10.1.1.1/24' }),
    ];
    await attach(busy);
    const names = { idle: await deviceOf(idle), busy: await deviceOf(busy), elsewhere: await deviceOf(elsewhere) };
    await start('d', { subnet });
    expect(bridges()).toHaveLength(4); // all of them run
    for (const service of [idle, busy, elsewhere]) await end(service);
    await start('e', { subnet });
    expect(bridges()).not.toContain(names.idle);
    expect(bridges()).toEqual(expect.arrayContaining([names.busy, names.elsewhere]));
  });

  it('find room where ended ones left their bridges in all of the pools, and leave those that are in use', async () => {
    const pools = { 'default-address-pools': [{ base: '10.77.0.0/22', size: 24 }] };
    const started: TestService[] = [];
    for (const name of ['a', 'b', 'c', 'd']) started.push(await start(name, {}, pools));
    const [running, busy, older, newer] = started as [TestService, TestService, TestService, TestService];
    const names = { busy: await deviceOf(busy), older: await deviceOf(older), newer: await deviceOf(newer) };
    await expect(start('early', {}, pools)).rejects.toThrow('could not find an available, non-overlapping IPv4 address pool');
    await attach(busy);
    for (const service of [newer, older, busy]) await end(service);
    const next = await start('e', {}, pools);
    expect(bridges()).toEqual([names.busy, names.newer, await deviceOf(running), await deviceOf(next)].sort());
    const made = await next.client.createNetwork(context(), createRequest({ name: 'more' }));
    expect(made.network?.pools[0]?.subnet).toBe('10.77.3.0/24');
    expect(bridges()).not.toContain(names.newer);
    await expect(next.client.createNetwork(context(), createRequest({ name: 'most' }))).rejects.toThrow('could not find an available');
  });
});
