import { writeFileSync } from 'node:fs';
import { buildBundle } from './testing/bundle-service';
import { whatOverlaysLack } from './testing/etcd';
import { eventually, type TestSandbox } from './testing/host';
import { context, createRequest } from './testing/service';
import { type TestEngine, TwoEngines } from './testing/two-engines';
import { newId, ping } from './testing/world';

const lacking = whatOverlaysLack();
if (lacking !== undefined) process.stderr.write(`skipped: networks of several engines, for lack of ${lacking}\n`);

(lacking === undefined ? describe : describe.skip)('a network of two engines', () => {
  let world: TwoEngines;
  let a: TestEngine;
  let b: TestEngine;

  beforeEach(() => {
    world = new TwoEngines(buildBundle);
  });
  afterEach(() => world.close());

  /** A lease outlives every restart in a test, unless its end is what the test is about. */
  const start = async (lease = 600): Promise<void> => {
    await world.start(`  lease: ${lease}\n`);
    [a, b] = world.engines as [TestEngine, TestEngine];
  };
  const create = (engine: TestEngine, change: Parameters<typeof createRequest>[0] = {}): Promise<unknown> =>
    engine.client.createNetwork(context(), createRequest({ name: 'n', driver: 'overlay', attachable: true, ...change }));
  const sandbox = (): Promise<TestSandbox> => world.wire.sandbox();
  const lookUp = (from: TestSandbox, name: string): Promise<string> => from.run('busybox', 'nslookup', name, '127.0.0.11');

  it('is made on one, used on both, and removed on the other', async () => {
    await start();
    await create(a, { labels: { of: 'me' }, enableIpv6: true });
    const made = await a.network('n');
    const seen = await eventually(() => b.network('n'));
    expect(seen).toEqual(made);
    expect(seen).toMatchObject({ driver: 'overlay', scope: 'global', attachable: true, labels: { of: 'me' }, peers: [] });
    await expect(create(b)).rejects.toMatchObject({ message: 'network with name n already exists' });

    const [one, two] = [await sandbox(), await sandbox()];
    const [oneId, twoId] = [newId(), newId()];
    const first = await a.join(one, { sandboxId: oneId, containerName: 'one', aliases: ['erster'] });
    const second = await b.join(two, { sandboxId: twoId, containerName: 'two', aliases: ['zweiter'] });
    expect(second.ipAddress).not.toBe(first.ipAddress);
    await eventually(() => ping(one, second.ipAddress));
    await ping(two, first.ipAddress);
    await ping(one, second.ipv6Address);
    await ping(two, first.ipv6Address);
    expect(await one.run('ip', '-o', 'link', 'show', 'eth0')).toContain('mtu 1450');
    // as much as fits, and nothing less
    await one.run('busybox', 'ping', '-c1', '-W1', '-s', '1422', second.ipAddress);
    for (const name of ['two', 'zweiter', 'two.n']) expect(await lookUp(one, name)).toContain(second.ipAddress);
    for (const name of ['one', 'erster']) expect(await lookUp(two, name)).toContain(first.ipAddress);
    const reverse = await lookUp(one, second.ipAddress);
    expect(reverse).toContain('two.n');
    for (const engine of [a, b])
      expect((await engine.network('n')).peers).toEqual([
        { name: 'engine1', ip: '192.0.2.1' },
        { name: 'engine2', ip: '192.0.2.2' },
      ]);

    // what a link knows it was told, and of nobody else
    const known = await a.host.run('bridge', 'fdb', 'show');
    expect(known.split('\n').filter((line) => line.includes('dst 192.0.2.2'))).toHaveLength(1);
    expect(known).toContain(`${second.macAddress} dev vx-`);

    await b.client.renameSandbox(context(), { sandboxId: twoId, containerName: 'renamed' });
    await eventually(async () => expect(await lookUp(one, 'renamed')).toContain(second.ipAddress));

    await b.client.disconnect(context(), { networkRef: 'n', sandboxId: twoId, force: false });
    expect(await b.links()).toBe('');
    const refused = `error while removing network: network n id ${made.id} has active endpoints`;
    await expect(b.client.removeNetwork(context(), { ref: 'n' })).rejects.toMatchObject({ kind: 'forbidden', message: refused });
    await eventually(async () => expect((await a.network('n')).peers).toEqual([{ name: 'engine1', ip: '192.0.2.1' }]));
    await eventually(() => expect(a.host.run('bridge', 'fdb', 'show')).resolves.not.toContain('dst 192.0.2.2'));
    await a.client.releaseSandbox(context(), { sandboxId: oneId });
    await b.client.removeNetwork(context(), { ref: 'n' });
    await eventually(() => expect(a.network('n')).rejects.toMatchObject({ kind: 'notFound' }));
    for (const engine of [a, b]) await eventually(async () => expect(await engine.links()).toBe(''));
  }, 180_000);

  it('leads over a wire of IPv6, too', async () => {
    await world.close();
    world = new TwoEngines(buildBundle, '2001:db8::');
    await start();
    await create(a);
    await eventually(() => b.network('n'));
    const [one, two] = [await sandbox(), await sandbox()];
    await a.join(one, { containerName: 'one' });
    const { ipAddress } = await b.join(two, { containerName: 'two' });
    await eventually(() => ping(one, ipAddress));
    expect(await one.run('ip', '-o', 'link', 'show', 'eth0')).toContain('mtu 1430');
    await one.run('busybox', 'ping', '-c1', '-W1', '-s', '1402', ipAddress);
    expect((await a.network('n')).peers.map(({ ip }) => ip)).toEqual(['2001:db8::1', '2001:db8::2']);
  }, 180_000);

  it('makes a link anew that somebody took away, and waits with a network whose name is taken', async () => {
    await world.start('  lease: 600\nsweep-interval: 1\n');
    [a, b] = world.engines as [TestEngine, TestEngine];
    await b.client.createNetwork(context(), createRequest({ name: 'n' }));
    await create(a);
    await create(a, { name: 'm' });
    await eventually(() => b.network('m'));
    expect(await b.network('n')).toMatchObject({ driver: 'bridge' });
    await b.client.removeNetwork(context(), { ref: 'n' });
    await eventually(async () => expect(await b.network('n')).toMatchObject({ driver: 'overlay' }));

    const [one, two] = [await sandbox(), await sandbox()];
    await a.join(one, { containerName: 'one' });
    const { ipAddress } = await b.join(two, { containerName: 'two' });
    await eventually(() => ping(one, ipAddress));
    const vxlan = /^vx-\S+/m.exec(await a.links())?.[0] ?? '';
    await a.host.run('ip', 'link', 'del', vxlan);
    await eventually(() => ping(one, ipAddress));
  }, 180_000);

  it('leaves nothing on a host whose sandboxes died, with the service or while it was away', async () => {
    await world.start('  lease: 600\nsweep-interval: 1\n');
    [a, b] = world.engines as [TestEngine, TestEngine];
    await create(a);
    const [one, two] = [newId(), newId()];
    await a.join(await sandbox(), { sandboxId: one, containerName: 'one' });
    await a.client.releaseSandbox(context(), { sandboxId: one });
    await eventually(async () => expect(await a.links()).toBe(''));

    await a.join(await sandbox(), { sandboxId: two, containerName: 'two' });
    expect(await a.links()).toMatch(/^ov-[^]*^vx-/m);
    await a.kill();
    await a.start();
    await a.client.reconcile(context(), { sandboxes: [], owner: '' });
    await eventually(async () => expect(await a.links()).toBe(''));
    await a.join(await sandbox(), { containerName: 'three' });
  }, 180_000);

  it('gives no address twice, whoever is asked', async () => {
    await start();
    await create(a, { pools: [{ subnet: '10.77.0.0/26', gateway: '', ipRange: '', auxAddresses: {}, configured: true }] });
    await eventually(() => b.network('n'));
    const boxes = await Promise.all(Array.from({ length: 8 }, sandbox));
    const endpoints = await Promise.all(boxes.map((box, at) => (at % 2 === 0 ? a : b).join(box, { containerName: `c${at}` })));
    expect(new Set(endpoints.map(({ ipAddress }) => ipAddress)).size).toBe(boxes.length);
    const taken = { ipAddress: endpoints[0]?.ipAddress ?? '' };
    await expect(b.join(await sandbox(), taken)).rejects.toThrow('Address already in use');
    await Promise.all([create(a, { name: 'm1' }), create(b, { name: 'm2' })]);
    const subnets = [await a.network('m1'), await b.network('m2')].map(({ pools }) => pools[0]?.subnet);
    expect(new Set(subnets).size).toBe(2);
    await expect(
      create(b, { name: 'm3', pools: [{ subnet: '10.77.0.0/24', gateway: '', ipRange: '', auxAddresses: {}, configured: true }] }),
    ).rejects.toThrow('Pool overlaps with other one on this address space');
  }, 180_000);

  it('loses no packet when a service is killed and comes back', async () => {
    await start();
    await create(a);
    await eventually(() => b.network('n'));
    const [one, two] = [await sandbox(), await sandbox()];
    await a.join(one, { containerName: 'one' });
    const second = await b.join(two, { containerName: 'two' });
    await eventually(() => ping(one, second.ipAddress));
    const until = 'while [ ! -e "$0" ]; do busybox ping -c1 -W1 "$1" >/dev/null || echo lost; done';
    const done = `${world.wire.directory}/done`;
    const pings = one.run('sh', '-c', until, done, second.ipAddress);
    for (const engine of [a, b]) {
      await engine.kill();
      await engine.start();
    }
    await eventually(async () => expect(await lookUp(one, 'two')).toContain(second.ipAddress));
    writeFileSync(done, '');
    expect(await pings).toBe('');
  }, 180_000);

  it('forgets an engine that is gone, and knows it again when it comes back', async () => {
    await start(3);
    await create(a);
    await eventually(() => b.network('n'));
    const [one, two] = [await sandbox(), await sandbox()];
    await a.join(one, { containerName: 'one' });
    const second = await b.join(two, { containerName: 'two' });
    await eventually(() => ping(one, second.ipAddress));
    await b.kill();
    await eventually(async () => expect((await a.network('n')).peers.map(({ name }) => name)).toEqual(['engine1']), 60_000);
    await expect(lookUp(one, 'two')).rejects.toThrow();
    await b.start();
    await eventually(async () => expect(await lookUp(one, 'two')).toContain(second.ipAddress));
    await ping(one, second.ipAddress);
  }, 180_000);

  it('goes on while the store is away, and takes nobody new', async () => {
    await start();
    await create(a);
    await eventually(() => b.network('n'));
    const [one, two, three] = [await sandbox(), await sandbox(), await sandbox()];
    await a.join(one, { containerName: 'one' });
    const second = await b.join(two, { containerName: 'two' });
    await eventually(() => ping(one, second.ipAddress));
    await world.etcd.kill();
    await expect(a.join(three, { containerName: 'three' })).rejects.toThrow('the store of overlay networks cannot be asked');
    await expect(create(a, { name: 'm' })).rejects.toThrow('the store of overlay networks cannot be asked');
    await expect(a.client.removeNetwork(context(), { ref: 'n' })).rejects.toThrow();
    await a.kill();
    await a.start();
    await ping(one, second.ipAddress);
    await world.etcd.start();
    const third = await eventually(() => a.join(three, { containerName: 'three' }), 60_000);
    await eventually(() => ping(two, third.ipAddress));
    expect(await lookUp(one, 'two')).toContain(second.ipAddress);
  }, 180_000);
});
