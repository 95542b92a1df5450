import { createSocket } from 'node:dgram';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { IpamPool } from '@gantry/api/gantry/network/v1/network';
import { delay, eventually, runProgram, type TestSandbox } from './testing/host';
import { context, createRequest, startTestService } from './testing/service';
import { newId, newWorlds, tcp } from './testing/world';

const asRoot = process.getuid?.() === 0 ? describe : describe.skip;

asRoot('ports, networks and foreign firewalls on a real kernel', () => {
  const world = newWorlds();
  const { join } = world;

  it('chooses ports, walks ranges, and undoes a request that fails half-way', async () => {
    const [a, b, c] = [await world.host.sandbox(), await world.host.sandbox(), await world.host.sandbox()];
    const [first, second] = [
      await join(a, { ports: [tcp(0), tcp(9000, { hostPortEnd: 9002 })] }),
      await join(b, { ports: [tcp(9000, { hostPortEnd: 9002 })] }),
    ];
    const chosen = first.ports[0]?.hostPort ?? 0;
    expect(chosen).toBeGreaterThanOrEqual(32768);
    expect(first.ports.filter((entry) => entry.hostIp === '0.0.0.0').map((entry) => entry.hostPort)).toEqual([chosen, 9000]);
    expect(second.ports[0]?.hostPort).toBe(9001);
    await expect(join(c, { ports: [tcp(9100), tcp(9001)] })).rejects.toThrow('Bind for 0.0.0.0:9001 failed: port is already allocated');
    await join(c, { ports: [tcp(9100)] });
  });

  it('refuses what makes no sense, by name', async () => {
    const box = await world.host.sandbox();
    await expect(join(box, { ports: [tcp(70000)] })).rejects.toThrow('invalid host port: 70000');
    await expect(join(box, { ports: [tcp(80, { containerPort: 0 })] })).rejects.toThrow('invalid container port: 0');
    await expect(join(box, { ports: [tcp(80, { protocol: 'icmp' })] })).rejects.toThrow('invalid protocol of a published port: "icmp"');
    await expect(join(box, { ports: [tcp(80, { hostIp: '198.51.100.1' })] })).rejects.toThrow(
      'listen tcp4 198.51.100.1:80: bind: cannot assign requested address',
    );
    await expect(join(box, { ports: [tcp(8080), tcp(8080)] })).rejects.toThrow('port is already allocated');
    await expect(join(box, { ports: Array.from({ length: 20000 }, (_, index) => tcp(index + 1)) })).rejects.toThrow('at most 16384');
    await expect(join(box, { netnsPath: '/proc/self/ns/net' })).rejects.toThrow("is the host's own");
    await expect(join(box, { netnsPath: '/proc/4194304/ns/net' })).rejects.toThrow('cannot be opened');
    await expect(join(box, { networkRef: 'nowhere' })).rejects.toMatchObject({ kind: 'notFound', message: 'network nowhere not found' });
    await expect(join(box, { ipAddress: '172.17.0.9' })).rejects.toThrow(
      'user specified IP address is supported on user defined networks only',
    );
    expect((await world.service.client.getNetwork(context(), { ref: 'bridge' })).network?.endpoints).toEqual([]);
  });

  it('publishes thousands of ports with constant rules', async () => {
    const box = await world.host.sandbox();
    const sandboxId = newId();
    const table = world.host.nft('list', 'tables').split(/\s+/)[2] ?? '';
    const rules = () => world.host.nft('list', 'chain', 'ip', table, 'publish');
    const before = rules();
    // neighbours change places, so that none is one with another
    const ports = Array.from({ length: 3000 }, (_, index) =>
      tcp(20000 + index, { containerPort: 1000 + (index ^ 1), hostIp: '127.0.0.1' }),
    );
    await join(box, { sandboxId, ports });
    expect(world.host.nft('list', 'map', 'ip', table, 'ports').split('\n').length).toBeGreaterThan(3000);
    expect(rules()).toBe(before);
    await world.service.client.releaseSandbox(context(), { sandboxId });
  });

  it('moves a UDP client to the new holder of the port', async () => {
    const heard: string[] = [];
    const client = createSocket('udp4').on('message', (message) => heard.push(message.toString().trim()));
    const serve = (box: TestSandbox, word: string) => box.start('socat', 'UDP-RECVFROM:53,fork', `SYSTEM:echo ${word}`);
    const ask = (word: string) =>
      eventually(async () => {
        client.send('x', 5353, '127.0.0.1');
        await delay(20);
        expect(heard.at(-1)).toBe(word);
      });
    try {
      const [a, b] = [await world.host.sandbox(), await world.host.sandbox()];
      const udp = { ports: [tcp(5353, { protocol: 'udp', containerPort: 53 })] };
      const sandboxId = newId();
      serve(a, 'first');
      serve(b, 'second');
      await join(a, { sandboxId, ...udp });
      await ask('first');
      await world.service.client.releaseSandbox(context(), { sandboxId });
      await join(b, udp);
      await ask('second');
    } finally {
      client.close();
    }
  });

  it('creates, finds, lists and removes networks as dockerd does', async () => {
    const pools = (subnet: string, more: object = {}) => [IpamPool.create({ subnet, ...more })];
    const create = (change: Parameters<typeof createRequest>[0]) => world.service.client.createNetwork(context(), createRequest(change));
    const { network } = await create({
      name: 'red',
      labels: { a: 'b' },
      pools: pools('10.9.0.0/24', { ipRange: '10.9.0.128/25', auxAddresses: { router: '10.9.0.128' } }),
    });
    expect(network).toMatchObject({
      name: 'red',
      driver: 'bridge',
      scope: 'local',
      labels: { a: 'b' },
      pools: [{ subnet: '10.9.0.0/24', gateway: '', ipRange: '10.9.0.128/25', auxAddresses: { router: '10.9.0.128' } }],
    });
    expect((await world.service.client.getNetwork(context(), { ref: network?.id.slice(0, 12) ?? '' })).network?.name).toBe('red');
    await expect(create({ name: 'red' })).rejects.toMatchObject({ kind: 'alreadyExists', message: 'network with name red already exists' });
    await expect(create({ name: 'host' })).rejects.toMatchObject({ kind: 'forbidden' });
    await expect(create({ name: 'x', pools: pools('10.9.0.0/16') })).rejects.toThrow('Pool overlaps with other one on this address space');
    await expect(create({ name: 'x', pools: pools('10.8.0.1/16') })).rejects.toThrow('it should be 10.8.0.0/16');
    await expect(create({ name: 'x', driver: 'overlay' })).rejects.toMatchObject({ kind: 'forbidden' });
    await expect(create({ name: 'x', enableIpv4: false, enableIpv6: false })).rejects.toThrow('IPv4 or IPv6 must be enabled');
    await expect(create({ name: 'x', options: { 'com.docker.network.bridge.name': 'lo' } })).rejects.toThrow('interface lo exists already');

    const box = await world.host.sandbox();
    const sandboxId = newId();
    const endpoint = await join(box, {
      sandboxId,
      networkRef: 'red',
      ipAddress: '10.9.0.7',
      macAddress: '02:00:00:00:00:07',
      aliases: ['seven'],
      hostname: 'h',
    });
    expect(endpoint).toMatchObject({
      ipAddress: '10.9.0.7',
      macAddress: '02:00:00:00:00:07',
      dnsNames: ['web', 'seven', sandboxId.slice(0, 12), 'h'],
    });
    expect(await box.run('ip', 'link', 'show', 'eth0')).toContain('02:00:00:00:00:07');
    const other = await world.host.sandbox();
    await expect(join(other, { networkRef: 'red', ipAddress: '10.9.0.7' })).rejects.toMatchObject({
      kind: 'forbidden',
      message: 'Address already in use',
    });
    expect((await join(other, { networkRef: 'red', containerName: 'other' })).ipAddress).toBe('10.9.0.130');
    await expect(world.service.client.removeNetwork(context(), { ref: 'red' })).rejects.toMatchObject({
      kind: 'forbidden',
      message: expect.stringContaining('has active endpoints') as string,
    });
    await expect(world.service.client.removeNetwork(context(), { ref: 'bridge' })).rejects.toMatchObject({
      kind: 'forbidden',
      message: 'bridge is a pre-defined network and cannot be removed',
    });
    await world.service.client.reconcile(context(), { sandboxes: [], owner: '' });
    await world.service.client.removeNetwork(context(), { ref: 'red' });
    expect(world.host.ip('-o', 'link', 'show', 'type', 'bridge').trim().split('\n')).toHaveLength(1);
    expect(world.host.nft('list', 'ruleset')).not.toContain('br-');
  });

  it('joins host and none without an interface', async () => {
    const box = await world.host.sandbox();
    expect(await join(box, { networkRef: 'none' })).toMatchObject({ ipAddress: '', interface: '' });
    expect(await box.run('ip', '-br', 'link', 'show', 'lo')).toContain('UP');
    expect(await join(box, { networkRef: 'host', netnsPath: '' })).toMatchObject({ ipAddress: '', ports: [] });
  });

  it('chooses another subnet when the host has the first one, and keeps engines apart', async () => {
    const directory = mkdtempSync(joinPath(tmpdir(), 'gantry-network-'));
    const other = await startTestService(directory);
    try {
      const bridge = async (which: typeof other) => (await which.client.getNetwork(context(), { ref: 'bridge' })).network;
      const [a, b] = [await bridge(world.service), await bridge(other)];
      expect(b?.pools[0]?.subnet).toBe('172.18.0.0/16');
      expect(a?.options['com.docker.network.bridge.name']).not.toBe(b?.options['com.docker.network.bridge.name']);
      expect(world.host.nft('list', 'tables').trim().split('\n')).toHaveLength(2);
    } finally {
      await other.stop();
      rmSync(directory, { recursive: true, force: true });
    }
  });

  it('gives engines that start together different subnets', async () => {
    const directories = Array.from({ length: 4 }, () => mkdtempSync(joinPath(tmpdir(), 'gantry-network-')));
    const engines = await Promise.all(directories.map((directory) => startTestService(directory)));
    try {
      const subnets = await Promise.all(
        engines.map(async (engine) => (await engine.client.getNetwork(context(), { ref: 'bridge' })).network?.pools[0]?.subnet),
      );
      expect(new Set(subnets).size).toBe(4);
      expect(world.host.ip('-4', '-o', 'addr').match(/gantry-/g)).toHaveLength(2 * 5);
    } finally {
      for (const engine of engines) await engine.stop();
      for (const directory of directories) rmSync(directory, { recursive: true, force: true });
    }
  });

  it('keeps no descriptor of a sandbox that is gone', async () => {
    await world.service.client.createNetwork(context(), createRequest({ name: 'red' }));
    const open = () => readdirSync('/proc/self/fd').length;
    const cycle = async () => {
      const box = await world.host.sandbox();
      const sandboxId = newId();
      await join(box, { sandboxId, networkRef: 'red', ports: [tcp(0), tcp(0, { protocol: 'udp' })] });
      await world.service.client.releaseSandbox(context(), { sandboxId });
      await box.end();
    };
    await cycle();
    const before = open();
    for (let count = 0; count < 10; count++) await cycle();
    await eventually(() => expect(open()).toBeLessThanOrEqual(before + 1));
    await eventually(() => expect(world.host.ip('-o', 'link', 'show', 'type', 'veth')).toBe(''));
  });

  it('names a foreign chain that drops, and with `insert` gets through it and out of it again', async () => {
    const [web, outside] = [await world.host.sandbox(), await world.host.neighbour('lan0', '192.0.2.9', '192.0.2.1')];
    await join(web, { ports: [tcp(8080)] });
    web.start('socat', 'TCP-LISTEN:80,fork,reuseaddr', 'SYSTEM:echo hello');
    const ask = async () => (await outside.run('socat', '-u', 'TCP:192.0.2.1:8080,connect-timeout=1', '-')).trim();
    await eventually(async () => expect(await ask()).toBe('hello'));
    await runProgram('iptables-nft', '-P', 'FORWARD', 'DROP');
    await expect(ask()).rejects.toThrow();
    await eventually(async () =>
      expect((await world.service.client.getStatus(context(), {})).warnings).toEqual([
        expect.stringMatching(/^WARNING: nft chain "ip filter FORWARD" has policy drop/),
      ]),
    );
    const again = async (firewall: 'warn' | 'insert') => {
      await world.service.stop();
      await world.start({ ...world.service.config, firewall });
      return (await world.service.client.getStatus(context(), {})).warnings;
    };
    expect(await again('warn')).toEqual([expect.stringContaining('nft chain "ip filter FORWARD" has policy drop')]);
    expect(await again('insert')).toEqual([]);
    expect(await ask()).toBe('hello');
    expect(await runProgram('iptables-nft', '-S', 'FORWARD')).toContain(
      '-A FORWARD -m mark --mark 0x2000000/0x2000000 -m comment --comment "gantry forwards" -j ACCEPT',
    );
    await again('insert');
    expect(world.host.nft('list', 'chain', 'ip', 'filter', 'FORWARD').match(/gantry forwards/g)).toHaveLength(1);
    await again('warn');
    expect(world.host.nft('list', 'chain', 'ip', 'filter', 'FORWARD')).not.toContain('gantry');
  });

  it('puts its table back when somebody flushed the ruleset, and is deaf meanwhile', async () => {
    await world.service.stop();
    await world.start({ ...world.service.config, 'sweep-interval': 1 });
    const web = await world.host.sandbox();
    await join(web, { ports: [tcp(8080, { hostIp: '127.0.0.1' })] });
    web.start('socat', 'TCP-LISTEN:80,fork,reuseaddr', 'SYSTEM:echo hello');
    const ask = async () => (await runProgram('socat', '-u', 'TCP:127.0.0.1:8080,connect-timeout=0.3', '-')).trim();
    await eventually(async () => expect(await ask()).toBe('hello'));
    world.host.nft('flush', 'ruleset');
    // Asked before this process, which is the service too, does anything else: the first packet comes before the table is back, the second is a second away.
    const early = connect(8080, '127.0.0.1');
    const answered = await Promise.race([
      new Promise((resolve) => early.once('connect', () => resolve(true)).once('error', resolve)),
      delay(300),
    ]);
    early.destroy();
    expect(answered).toBeUndefined();
    await eventually(async () => expect(await ask()).toBe('hello'));
  });
});
