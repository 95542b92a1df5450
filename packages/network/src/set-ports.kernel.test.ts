import type { PortRequest } from '@gantry/api/gantry/network/v1/network';
import { connect, type Socket } from 'node:net';
import { eventually, runProgram, type TestSandbox } from './testing/host';
import { connectRequest, context, createRequest } from './testing/service';
import { newId, newWorlds, tcp } from './testing/world';

const asRoot = process.getuid?.() === 0 ? describe : describe.skip;

asRoot('ports of a sandbox that lives', () => {
  const world = newWorlds();
  let box: TestSandbox;
  const sandboxId = newId();
  const ask = async (hostPort: number, address = '127.0.0.1'): Promise<string> =>
    (await runProgram('socat', '-u', `TCP:${address}:${hostPort},connect-timeout=1`, '-')).trim();
  const set = async (...ports: PortRequest[]) =>
    ((await world.service.client.setPorts(context(), { sandboxId, ports })).router?.ports ?? []).map(
      ({ hostIp, hostPort, containerPort }) => `${hostIp}:${hostPort}:${containerPort}`,
    );
  const join = (change: object = {}) =>
    world.service.client.connect(context(), connectRequest({ sandboxId, netnsPath: box.path, ports: [tcp(8080)], ...change }));

  beforeEach(async () => {
    box = await world.host.sandbox();
    box.start('socat', 'TCP-LISTEN:80,fork,reuseaddr', 'SYSTEM:echo hello');
  });

  it('come and go while the others stay, and outlive the service', async () => {
    await join();
    await eventually(async () => expect(await ask(8080)).toBe('hello'));
    const [chosen = ''] = (await set(tcp(8080), tcp(0), tcp(9090, { hostIp: '127.0.0.1' }))).filter((text) => /^0\.0\.0\.0:3/.test(text));
    const free = Number(chosen.split(':')[1]);
    for (const each of [8080, 9090, free]) expect(await ask(each)).toBe('hello');
    expect(await set(tcp(0), tcp(8081))).toContain(chosen);
    await expect(ask(8080)).rejects.toThrow();
    await expect(ask(9090)).rejects.toThrow();
    await world.restart();
    for (const each of [8081, free]) expect(await ask(each)).toBe('hello');
    await expect(ask(8080)).rejects.toThrow();
    // What was given back is free for anybody.
    const other = await world.host.sandbox();
    await join({ sandboxId: newId(), netnsPath: other.path, ports: [tcp(8080), tcp(9090)] });
  });

  it('move to another port of the container in one go', async () => {
    box.start('socat', 'TCP-LISTEN:81,fork,reuseaddr', 'SYSTEM:echo other');
    await join();
    await eventually(async () => expect(await ask(8080)).toBe('hello'));
    expect(await set(tcp(8080, { containerPort: 81 }))).toContain('0.0.0.0:8080:81');
    await eventually(async () => expect(await ask(8080)).toBe('other'));
  });

  it('all stay as they are when one cannot be had, also for whoever is connected', async () => {
    await join();
    const other = await world.host.sandbox();
    await join({ sandboxId: newId(), netnsPath: other.path, ports: [tcp(9000)] });
    box.start('socat', 'TCP-LISTEN:82,fork,reuseaddr', 'EXEC:cat');
    await set(tcp(8080), tcp(8082, { containerPort: 82 }));
    let client: Socket | undefined;
    try {
      client = await eventually(() => connected(8082));
      await expect(set(tcp(8083), tcp(9000), tcp(8082, { containerPort: 82 }))).rejects.toThrow(
        'Bind for 0.0.0.0:9000 failed: port is already allocated',
      );
      expect(await echo(client, 'once')).toBe('once');
      expect(await ask(8080)).toBe('hello');
      await expect(ask(8083)).rejects.toThrow();
      await set(tcp(8082, { containerPort: 82 }));
      expect(await echo(client, 'again')).toBe('again');
    } finally {
      client?.destroy();
    }
  });

  it('are of both families, by rule and by relay', async () => {
    await world.service.client.createNetwork(context(), createRequest({ name: 'dual', enableIpv6: true }));
    await join({ networkRef: 'dual' });
    box.start('socat', 'TCP6-LISTEN:80,fork,reuseaddr,ipv6only=1', 'SYSTEM:echo hello6');
    expect(await set(tcp(8080), tcp(8085))).toEqual(expect.arrayContaining(['0.0.0.0:8085:80', ':::8085:80']));
    await eventually(async () => expect(await ask(8085, '[::1]')).toBe('hello6'));
    expect(await ask(8085)).toBe('hello');
    expect(await set(tcp(8080))).not.toContain(':::8085:80');
    await expect(ask(8085, '[::1]')).rejects.toThrow();
  });

  it('are none where nothing leads outside', async () => {
    await world.service.client.createNetwork(context(), createRequest({ name: 'inside', internal: true }));
    await join({ networkRef: 'inside', ports: [] });
    expect(await set(tcp(8080))).toEqual([]);
    expect((await world.service.client.setPorts(context(), { sandboxId: 'nobody', ports: [tcp(1)] })).router).toBeUndefined();
  });
});

function connected(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket));
    socket.once('error', reject);
  });
}

function echo(socket: Socket, word: string): Promise<string> {
  return new Promise((resolve, reject) => {
    socket.once('data', (bytes) => resolve(bytes.toString().trim()));
    socket.once('close', () => reject(new Error('closed')));
    socket.write(`${word}\n`);
  });
}
