import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { IpamPool, type PortRequest } from '@gantry/api/gantry/network/v1/network';
import { eventually, type TestSandbox } from './testing/host';
import { connectRequest, context, createRequest } from './testing/service';
import { ask, newId, newWorlds, serve, tcp } from './testing/world';

const asRoot = process.getuid?.() === 0 ? describe : describe.skip;

const FIRST = 20000;
const COUNT = 1000;
const range = (change: (port: number) => Partial<PortRequest> = () => ({})): PortRequest[] =>
  Array.from({ length: COUNT }, (_, index) => tcp(FIRST + index, { containerPort: FIRST + index, ...change(FIRST + index) }));
const moved = (by: number, change: Partial<PortRequest> = {}): PortRequest[] => range((port) => ({ containerPort: port + by, ...change }));

asRoot('ranges of ports', () => {
  const world = newWorlds();
  let box: TestSandbox;
  const sandboxId = newId();
  const join = (change: object = {}) =>
    world.service.client.connect(context(), connectRequest({ sandboxId, netnsPath: box.path, ports: range(), ...change }));
  const set = (ports: PortRequest[]) => world.service.client.setPorts(context(), { sandboxId, ports });
  const table = (): string => /ip (gantry\S*)/.exec(world.host.nft('list', 'tables'))?.[1] ?? '';
  const elements = (name: string, family: 'ip' | 'ip6' = 'ip'): string[] =>
    (/elements = \{([^}]*)\}/.exec(world.host.nft('list', name.startsWith('open') ? 'set' : 'map', family, table(), name))?.[1] ?? '')
      .split(',')
      .map((text) => text.trim())
      .filter((text) => text !== '');

  beforeEach(async () => {
    box = await world.host.sandbox();
  });

  it('of a container that has them by the same numbers are one element, and lead to each of them', async () => {
    serve(box, FIRST, 'first');
    serve(box, FIRST + 500, 'middle');
    serve(box, FIRST + COUNT - 1, 'last');
    const { endpoint } = await join();
    expect(elements('any-port-ranges')).toEqual([`tcp . 20000-20999 : ${endpoint?.ipAddress}`]);
    expect(elements('any-ports')).toEqual([]);
    for (const [port, word] of [
      [FIRST, 'first'],
      [FIRST + 500, 'middle'],
      [FIRST + COUNT - 1, 'last'],
    ] as const)
      for (const address of ['127.0.0.1', '::1']) await eventually(async () => expect(await ask(undefined, address, port)).toBe(word));
    await expect(ask(undefined, '127.0.0.1', FIRST + COUNT)).rejects.toThrow();
    await world.restart();
    expect(await ask(undefined, '127.0.0.1', FIRST + 500)).toBe('middle');
    expect(await ask(undefined, '::1', FIRST + 500)).toBe('middle');
  });

  it('of one address are one element, and go before those of all', async () => {
    serve(box, FIRST + 1, 'one address');
    const other = await world.host.sandbox();
    serve(other, FIRST + 1, 'all addresses');
    world.host.ip('address', 'add', '198.51.100.7/32', 'dev', 'lo');
    await join({ ports: range(() => ({ hostIp: '198.51.100.7' })) });
    await world.join(other, { ports: range(() => ({ hostIp: '127.0.0.1' })) });
    expect(elements('port-ranges')).toHaveLength(2);
    await eventually(async () => expect(await ask(undefined, '198.51.100.7', FIRST + 1)).toBe('one address'));
    await eventually(async () => expect(await ask(undefined, '127.0.0.1', FIRST + 1)).toBe('all addresses'));
  });

  it.each([-19_000, -1, 1, 10_000, 44_536])('that are moved by %i are one element, and lead to each of them', async (by) => {
    const words: [at: number, word: string][] = [
      [0, 'first'],
      [500, 'middle'],
      [COUNT - 1, 'last'],
    ];
    for (const [at, word] of words) serve(box, FIRST + by + at, word);
    const { endpoint } = await join({ ports: moved(by) });
    expect(elements('any-moved-ranges')).toEqual([`tcp . 20000-20999 : ${endpoint?.ipAddress} . ${by & 0xffff}`]);
    expect([...elements('any-ports'), ...elements('any-port-ranges')]).toEqual([]);
    for (const [at, word] of words)
      for (const address of ['127.0.0.1', '::1'])
        await eventually(async () => expect(await ask(undefined, address, FIRST + at)).toBe(word));
    for (const at of [-1, 1, 501, COUNT]) await expect(ask(undefined, '127.0.0.1', FIRST + at)).rejects.toThrow();
  });

  it('that are moved are added to by rules of IPv6, too', async () => {
    world.host.ip('address', 'add', '2001:db8::7/128', 'dev', 'lo', 'nodad');
    await world.service.client.createNetwork(
      context(),
      createRequest({ name: 'six', enableIpv6: true, pools: [IpamPool.fromPartial({ subnet: 'fd00:1::/64' })] }),
    );
    for (const port of [1000, 1500, 1999]) serve(box, port, String(port), '6');
    await join({ networkRef: 'six', ports: moved(-19_000) });
    expect(elements('any-moved-ranges', 'ip6')).toEqual(['tcp . 20000-20999 : fd00:1::2 . 46536']);
    for (const port of [1000, 1500, 1999])
      await eventually(async () => expect(await ask(undefined, '2001:db8::7', port + 19_000)).toBe(String(port)));
  });

  it('that are moved are listed by nft without a complaint', async () => {
    await world.service.client.createNetwork(
      context(),
      createRequest({ name: 'six', enableIpv6: true, pools: [IpamPool.fromPartial({ subnet: 'fd00:1::/64' })] }),
    );
    await join({ networkRef: 'six', ports: moved(-19_000) });
    const { status, stdout, stderr } = spawnSync('nft', ['list', 'ruleset'], { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    for (const word of ['ip', 'ip6']) expect(stdout).toContain(`dnat ${word} to meta l4proto . th dport map @any-moved-ranges`);
  });

  it('that are moved stay themselves for one client that asks for the same port of two addresses', async () => {
    const addresses = ['198.51.100.7', '198.51.100.8'];
    for (const address of ['198.51.100.1', ...addresses]) world.host.ip('address', 'add', `${address}/32`, 'dev', 'lo');
    for (const port of [1005, 1006]) box.start('socat', `UDP-RECVFROM:${port},fork`, `SYSTEM:echo ${port}`);
    await join({ ports: addresses.flatMap((hostIp) => moved(-19_000, { hostIp, protocol: 'udp' })) });
    expect(elements('moved-ranges')).toHaveLength(2);
    const client = createSocket('udp4');
    const answers = new Map<string, string>();
    client.on('message', (message, from) => answers.set(from.address, message.toString().trim()));
    try {
      await new Promise<void>((resolve) => client.bind(0, '198.51.100.1', resolve));
      await eventually(() => {
        for (const address of addresses) client.send('?', FIRST + 5, address);
        expect(Object.fromEntries(answers)).toEqual({ '198.51.100.7': '1005', '198.51.100.8': '1005' });
      });
    } finally {
      client.close();
    }
  });

  it('that are moved give one of their ports back', async () => {
    serve(box, 1501, 'next');
    await join({ ports: moved(-19_000) });
    await set(moved(-19_000).filter(({ hostPort }) => hostPort !== FIRST + 500));
    expect(elements('any-moved-ranges')).toHaveLength(2);
    await eventually(async () => expect(await ask(undefined, '127.0.0.1', FIRST + 501)).toBe('next'));
    await world.restart();
    expect(elements('any-moved-ranges')).toHaveLength(2);
    expect(await ask(undefined, '127.0.0.1', FIRST + 501)).toBe('next');
  });

  it('are opened as one where a network is routed', async () => {
    await world.service.client.createNetwork(
      context(),
      createRequest({ name: 'routed', options: { 'com.docker.network.bridge.gateway_mode_ipv4': 'routed' } }),
    );
    const { endpoint } = await join({ networkRef: 'routed' });
    expect(elements('open-ranges')).toEqual([`tcp . ${endpoint?.ipAddress} . 20000-20999`]);
  });

  it('give one of their ports back, and take it again, while the others stay', async () => {
    serve(box, FIRST + 500, 'middle');
    serve(box, FIRST + 501, 'next');
    await join();
    await eventually(async () => expect(await ask(undefined, '127.0.0.1', FIRST + 501)).toBe('next'));
    await set(range().filter(({ hostPort }) => hostPort !== FIRST + 500));
    expect(elements('any-port-ranges')).toHaveLength(2);
    for (const address of ['127.0.0.1', '::1']) {
      expect(await ask(undefined, address, FIRST + 501)).toBe('next');
      await expect(ask(undefined, address, FIRST + 500)).rejects.toThrow();
    }
    const stranger = createServer();
    await new Promise<void>((resolve) => stranger.listen(FIRST + 500, '0.0.0.0', resolve));
    await expect(set(range())).rejects.toThrow('listen tcp4 0.0.0.0:20500: bind: address already in use');
    await new Promise((resolve) => stranger.close(resolve));
    await set(range());
    expect(elements('any-port-ranges')).toHaveLength(1);
    expect(await ask(undefined, '127.0.0.1', FIRST + 500)).toBe('middle');
    expect(await ask(undefined, '::1', FIRST + 500)).toBe('middle');
  });

  it('are held by few descriptors, and everybody else still finds them taken', async () => {
    const before = readdirSync('/proc/self/fd').length;
    const udp = range(() => ({ protocol: 'udp' }));
    await join({ ports: [...range(), ...udp] });
    expect(readdirSync('/proc/self/fd').length - before).toBeLessThan(300);
    for (const port of [FIRST, FIRST + 333, FIRST + COUNT - 1])
      for (const host of ['0.0.0.0', '::', '127.0.0.1']) await expect(listens(host, port)).rejects.toThrow('EADDRINUSE');
    await expect(bindsUdp(FIRST + 333)).rejects.toThrow('EADDRINUSE');
    await expect(world.join(await world.host.sandbox(), { ports: [tcp(FIRST + 333)] })).rejects.toThrow('port is already allocated');
    await world.service.client.releaseSandbox(context(), { sandboxId });
    expect(readdirSync('/proc/self/fd').length - before).toBeLessThan(10);
    await listens('0.0.0.0', FIRST + 333);
    await listens('::', FIRST);
    await bindsUdp(FIRST + 333);
  });

  it('answer datagrams to ::1 at each port', async () => {
    await join({ ports: range(() => ({ protocol: 'udp' })) });
    box.start('socat', `UDP-RECVFROM:${FIRST + 7},fork`, 'EXEC:cat');
    const client = createSocket('udp6');
    const heard = new Promise((resolve) => client.on('message', (message) => resolve(message.toString())));
    try {
      const asking = setInterval(() => client.send('echo', FIRST + 7, '::1'), 50);
      expect(await heard).toBe('echo');
      clearInterval(asking);
    } finally {
      client.close();
    }
  });
});

async function listens(host: string, port: number): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen({ host, port, ipv6Only: host === '::' }, resolve));
  await new Promise((resolve) => server.close(resolve));
}

async function bindsUdp(port: number): Promise<void> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve, reject) => socket.once('error', reject).bind(port, '0.0.0.0', resolve));
  socket.close();
}
