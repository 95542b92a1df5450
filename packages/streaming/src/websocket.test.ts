import { silentLogger } from '@gantry/rpc';
import { WebSocket } from 'ws';
import { StreamingServer } from './index';
import { fakeRuntime } from './testing/runtime';
import { wish } from './testing/wish';
import { SpdyClient } from './testing/spdy-client';
import { openTunnel } from './testing/tunnel';

let fake: ReturnType<typeof fakeRuntime>;
let server: StreamingServer;
let sockets: WebSocket[];

beforeEach(async () => {
  fake = fakeRuntime();
  sockets = [];
  server = new StreamingServer({ runtime: fake.runtime, logger: silentLogger });
  await server.listen();
});
afterEach(async () => {
  for (const socket of sockets) socket.terminate();
  await server.close();
});

/** A client that keeps what each channel said. */
async function connect(url: string, ...names: string[]) {
  const socket = new WebSocket(url.replace('http:', 'ws:'), names);
  sockets.push(socket);
  const channels = new Map<number, string>();
  const heard = new Set<() => void>();
  const messages: { readonly channel: number; readonly length: number; readonly isBinary: boolean }[] = [];
  socket.on('message', (message: Buffer, isBinary: boolean) => {
    const channel = isBinary ? (message[0] ?? -1) : (message[0] ?? 0) - 0x30;
    const bytes = isBinary ? message.subarray(1) : Buffer.from(message.toString('latin1', 1), 'base64');
    messages.push({ channel, length: bytes.length, isBinary });
    channels.set(channel, (channels.get(channel) ?? '') + bytes.toString('latin1'));
    for (const each of heard) each();
  });
  const closed = new Promise<number>((resolve) => socket.once('close', resolve));
  await new Promise<void>((resolve, reject) => {
    socket.once('open', () => resolve());
    socket.once('unexpected-response', (_request, response) => {
      response.setEncoding('utf8').on('data', (text: string) => reject(new Error(`${response.statusCode} ${text.trim()}`)));
    });
    socket.once('error', reject);
  });
  return {
    socket,
    closed,
    messages,
    said: (channel: number) => channels.get(channel) ?? '',
    send: (channel: number, text: string | Buffer) => socket.send(Buffer.concat([Buffer.from([channel]), Buffer.from(text)])),
    until: (channel: number, text: string) =>
      new Promise<void>((resolve) => {
        const look = (): void => ((channels.get(channel) ?? '').includes(text) ? resolve() : undefined);
        heard.add(look);
        look();
      }),
  };
}

describe('exec over WebSocket', () => {
  it.each(['v5.channel.k8s.io', 'v4.channel.k8s.io'])('gives output and the end in the words of the API in %s', async (name) => {
    const client = await connect(server.exec(wish('exit 3', { stderr: true })), name);
    expect(client.socket.protocol).toBe(name);
    expect(await client.closed).toBe(1000);
    expect(JSON.parse(client.said(3))).toMatchObject({
      reason: 'NonZeroExitCode',
      details: { causes: [{ reason: 'ExitCode', message: '3' }] },
    });
    const echo = await connect(server.exec(wish('echo hi', { stderr: true })), name);
    await echo.closed;
    expect([echo.said(1), echo.said(2), JSON.parse(echo.said(3))]).toEqual(['hi', 'aside', { metadata: {}, status: 'Success' }]);
    expect(echo.messages[0]).toEqual({ channel: 1, length: 0, isBinary: true });
  });

  it('chooses the first protocol of the client that is spoken', async () => {
    const client = await connect(server.exec(wish('echo hi')), 'v9.channel.k8s.io', 'v4.channel.k8s.io', 'v5.channel.k8s.io');
    expect(client.socket.protocol).toBe('v4.channel.k8s.io');
    await expect(connect(server.exec(wish('echo hi')), 'v9.channel.k8s.io')).rejects.toThrow(
      '403 unable to upgrade: unable to negotiate protocol',
    );
  });

  it('closes input by half in v5', async () => {
    const client = await connect(server.exec(wish('cat', { stdin: true })), 'v5.channel.k8s.io');
    client.send(0, 'one ');
    await client.until(1, 'one ');
    client.send(0, 'two');
    client.send(255, Buffer.from([0]));
    expect(await client.closed).toBe(1000);
    expect(client.said(1)).toBe('one two');
  });

  it('does not in v4: such a message is passed over', async () => {
    const client = await connect(server.exec(wish('cat', { stdin: true })), 'v4.channel.k8s.io');
    client.send(255, Buffer.from([0]));
    client.send(0, 'still');
    await client.until(1, 'still');
    client.socket.close();
    await server.close(); // cat ended with its client
  });

  it('speaks base64 in text messages', async () => {
    const client = await connect(server.exec(wish('cat', { stdin: true })), 'v4.base64.channel.k8s.io');
    client.socket.send(`0${Buffer.from('hello').toString('base64')}`);
    await client.until(1, 'hello');
    expect(client.messages.every(({ isBinary }) => !isBinary)).toBe(true);
    const v5 = await connect(server.exec(wish('cat', { stdin: true })), 'v5.base64.channel.k8s.io');
    v5.socket.send(Buffer.from([255, 0]));
    await v5.closed;
    expect(JSON.parse(v5.said(3))).toMatchObject({ status: 'Success' });
  });

  it.each([[[]], [['channel.k8s.io']], [['base64.channel.k8s.io']]])('tells the end as text in %j', async (names) => {
    const client = await connect(server.exec(wish('exit 3')), ...names);
    expect(await client.closed).toBe(1000);
    expect(client.said(3)).toBe('command terminated with non-zero exit code: error executing command [exit 3], exit code 3');
  });

  it('gives sizes', async () => {
    const client = await connect(server.exec(wish('sizes 2', { tty: true })), 'v5.channel.k8s.io');
    client.send(4, '{"Width":80,"Height":24}');
    await client.until(1, '80x24;');
    client.send(4, '{"Width":100,"Height":50}');
    await client.closed;
    expect(client.said(1)).toBe('80x24;100x50;');
  });

  it('carries 64 MiB in each direction', async () => {
    const flood = await connect(server.exec(wish(`flood ${64 << 20}`)), 'v4.channel.k8s.io');
    await flood.closed;
    expect(flood.said(1).length).toBe(64 << 20);
    const cat = await connect(server.exec(wish('cat', { stdin: true })), 'v5.channel.k8s.io');
    const piece = Buffer.alloc(1 << 20, 'y');
    for (let count = 0; count < 64; count += 1) {
      cat.send(0, piece);
      while (cat.socket.bufferedAmount > 4 << 20) await new Promise((resolve) => setImmediate(resolve));
    }
    cat.send(255, Buffer.from([0]));
    await cat.closed;
    expect(cat.said(1).length).toBe(64 << 20);
  });

  it('is no longer read when nobody reads its input', async () => {
    const client = await connect(server.exec(wish('deaf', { stdin: true })), 'v5.channel.k8s.io');
    const piece = Buffer.alloc(1 << 20, 'y');
    for (let sent = 0; sent < 64 && client.socket.bufferedAmount < 4 << 20; sent += 1) {
      client.send(0, piece);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(client.socket.bufferedAmount).toBeGreaterThanOrEqual(4 << 20);
  });

  it('is cut off for a message that is too long', async () => {
    const client = await connect(server.exec(wish('cat', { stdin: true })), 'v5.channel.k8s.io');
    client.send(0, Buffer.alloc(5 << 20));
    expect(await client.closed).toBe(1009);
  });

  it('is cut off for what is no channel message at all, and not for what no channel takes', async () => {
    const client = await connect(server.exec(wish('cat', { stdin: true })), 'v5.channel.k8s.io');
    for (const channel of [1, 2, 3, 4, 5, 77, 254]) client.send(channel, 'x');
    client.socket.send(Buffer.alloc(0));
    client.send(255, Buffer.from([9]));
    client.send(255, Buffer.alloc(0));
    client.send(0, 'here');
    await client.until(1, 'here');
  });

  it('tells the runtime when the client goes', async () => {
    const client = await connect(server.exec(wish('wait')), 'v5.channel.k8s.io');
    client.socket.terminate();
    await client.closed;
    await server.close();
    expect(fake.seen).toEqual(['aborted']);
  });
});

describe('port-forward over WebSocket', () => {
  it('has two channels for each port, which begin with it', async () => {
    const client = await connect(server.portForward({ podSandboxId: 'p1', ports: [8080, 82, 81] }), 'v4.channel.k8s.io');
    await client.until(5, 'refused');
    client.send(0, 'hello');
    await client.until(0, 'HELLO');
    expect(client.said(0)).toBe('\x90\x1f8080:HELLO');
    expect(client.said(1)).toBe('\x90\x1f');
    expect(client.said(2)).toBe('\x52\x0082:');
    expect(client.said(5)).toBe('\x51\x00error forwarding port 81 to pod p1, uid : connection refused by p1');
  });

  it('ends when all its connections have', async () => {
    const client = await connect(server.portForward({ podSandboxId: 'p1', ports: [81, 82] }), 'v4.base64.channel.k8s.io');
    expect(await client.closed).toBe(1000);
    expect(client.said(2)).toBe('\x52\x0082:');
  });

  it('carries SPDY inside, as kubectl asks for it', async () => {
    const url = server.portForward({ podSandboxId: 'p1', ports: [] });
    const { stream, protocol } = await openTunnel(url, 'SPDY/3.1+portforward.k8s.io');
    expect(protocol).toBe('SPDY/3.1+portforward.k8s.io');
    const client = new SpdyClient(stream);
    const error = await client.open({ streamType: 'error', port: '80', requestID: '0' }, { fin: true });
    const data = await client.open({ streamType: 'data', port: '80', requestID: '0' });
    data.write('hello');
    await data.until('HELLO');
    data.end();
    expect(await data.all).toBe('80:HELLObye');
    expect(await error.all).toBe('');
    client.close();
  });
});
