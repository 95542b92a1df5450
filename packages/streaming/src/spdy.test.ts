import { request as httpRequest } from 'node:http';
import { silentLogger } from '@gantry/rpc';
import { StreamingServer, type ExecRequest, type StreamingOptions } from './index';
import { CONTROL, controlFrame, dataHead, numbers } from './spdy/frame';
import { fakeRuntime } from './testing/runtime';
import { wish } from './testing/wish';
import { SpdyClient, type ClientStream } from './testing/spdy-client';

const V4 = 'v4.channel.k8s.io';
let fake: ReturnType<typeof fakeRuntime>;
let server: StreamingServer;
let clients: SpdyClient[];

async function start(change: Partial<StreamingOptions> = {}): Promise<void> {
  await server?.close();
  server = new StreamingServer({ runtime: fake.runtime, logger: silentLogger, ...change });
  await server.listen();
}

beforeEach(async () => {
  fake = fakeRuntime();
  clients = [];
  await start();
});
afterEach(async () => {
  for (const client of clients) client.close();
  await server.close();
});

async function connect(url: string, protocol = V4, method?: string): Promise<SpdyClient> {
  const client = await SpdyClient.connect(url, protocol, method);
  clients.push(client);
  return client;
}

/** Runs a command as kubectl does: the error stream first, then the others. */
async function exec(request: ExecRequest, protocol = V4, method?: string) {
  const client = await connect(server.exec(request), protocol, method);
  return { client, ...(await streams(client, request, protocol)) };
}

async function streams(client: SpdyClient, request: Pick<ExecRequest, 'tty' | 'stdin' | 'stdout' | 'stderr'>, protocol = V4) {
  const open = (streamType: string): Promise<ClientStream> => client.open({ streamType });
  const error = await open('error');
  const some: Partial<Record<'stdin' | 'stdout' | 'stderr' | 'resize', ClientStream>> = {};
  for (const type of ['stdin', 'stdout', 'stderr'] as const) if (request[type]) some[type] = await open(type);
  if (request.tty && protocol >= 'v3') some.resize = await open('resize');
  const of = (type: keyof typeof some): ClientStream => {
    const found = some[type];
    if (found === undefined) throw new Error(`no ${type}`);
    return found;
  };
  return { error, of };
}

describe('exec over SPDY', () => {
  it('gives output, and success in the words of the API', async () => {
    const { error, of, client } = await exec(wish('echo a b', { stderr: true }));
    expect(await of('stdout').all).toBe('a b');
    expect(await of('stderr').all).toBe('aside');
    expect(JSON.parse(await error.all)).toEqual({ metadata: {}, status: 'Success' });
    await client.closed;
  });

  it.each(['GET', 'POST'])('is upgraded from %s', async (method) => {
    const { of } = await exec(wish('echo hi'), V4, method);
    expect(await of('stdout').all).toBe('hi');
  });

  it('tells an exit code as the API does', async () => {
    const { error } = await exec(wish('exit 3'));
    expect(JSON.parse(await error.all)).toEqual({
      metadata: {},
      status: 'Failure',
      message: 'command terminated with non-zero exit code: error executing command [exit 3], exit code 3',
      reason: 'NonZeroExitCode',
      details: { causes: [{ reason: 'ExitCode', message: '3' }] },
    });
  });

  it.each(['v3.channel.k8s.io', 'v2.channel.k8s.io', 'channel.k8s.io'])('tells it as text in %s', async (protocol) => {
    const { error } = await exec(wish('exit 3'), protocol);
    expect(await error.all).toBe('command terminated with non-zero exit code: error executing command [exit 3], exit code 3');
    const well = await exec(wish('echo hi'), protocol);
    expect(await well.error.all).toBe('');
  });

  it('tells why a command could not be run', async () => {
    const { error } = await exec(wish('fail no such file'));
    expect(JSON.parse(await error.all)).toMatchObject({
      status: 'Failure',
      message: 'Internal error occurred: error executing command in container: no such file',
      reason: 'InternalError',
      code: 500,
    });
  });

  it('closes input by half: what was said is answered behind it', async () => {
    const { of, error } = await exec(wish('cat', { stdin: true }));
    of('stdin').write('one ');
    await of('stdout').until('one ');
    of('stdin').write('two');
    of('stdin').end();
    expect(await of('stdout').all).toBe('one two');
    expect(JSON.parse(await error.all)).toMatchObject({ status: 'Success' });
  });

  it('gives sizes in their order, whole or in pieces, and passes over what is none', async () => {
    const { of } = await exec(wish('sizes 2', { tty: true, stdin: true }));
    of('resize').write('{"Width":80,"Hei');
    of('resize').write('ght":24}\n');
    await of('stdout').until('80x24;');
    of('resize').write('{"Width":-1,"Height":9}{}x}{"width":100,"height":50}');
    expect(await of('stdout').all).toBe('80x24;100x50;');
  });

  it('carries 64 MiB in each direction through few buffers', async () => {
    const flood = await exec(wish(`flood ${64 << 20}`));
    expect((await flood.of('stdout').all).length).toBe(64 << 20);
    const cat = await exec(wish('cat', { stdin: true }));
    const piece = Buffer.alloc(1 << 20, 'y');
    for (let count = 0; count < 64; count += 1) {
      cat.of('stdin').write(piece);
      if (cat.client.socket.writableNeedDrain) await new Promise((resolve) => cat.client.socket.once('drain', resolve));
    }
    cat.of('stdin').end();
    expect((await cat.of('stdout').all).length).toBe(64 << 20);
  });

  it('is no longer read when nobody reads its input', async () => {
    const { of, client } = await exec(wish('deaf', { stdin: true }));
    await of('stdout').until('deaf');
    const piece = Buffer.alloc(1 << 20, 'y');
    let sent = 0;
    // The kernel's buffers take some, the server one MiB: what does not go out stays with the client.
    for (; sent < 64 && client.socket.writableLength < 4 << 20; sent += 1) {
      of('stdin').write(piece);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(client.socket.writableLength).toBeGreaterThanOrEqual(4 << 20);
    client.close();
  });

  it('tells the runtime when the client goes', async () => {
    const { client, of } = await exec(wish('wait', { stdin: true }));
    await client.ping(1);
    client.close();
    await expect(of('stdout').all).rejects.toThrow();
    await server.close();
    expect(fake.seen).toEqual(['aborted']);
  });

  it('ends the input of a client that goes without a word', async () => {
    const { client } = await exec(wish('cat', { stdin: true }));
    await client.ping(1);
    client.close();
    await server.close(); // waits for cat
  });

  it('refuses streams that were not asked for, twice or unknown, and answers pings', async () => {
    const client = await connect(server.exec(wish('cat', { stdin: true })));
    await client.open({ streamType: 'error' });
    await expect((await client.open({ streamType: 'stderr' })).all).rejects.toThrow('reset 3');
    await expect((await client.open({ streamType: 'error' })).all).rejects.toThrow('reset 3');
    await expect((await client.open({})).all).rejects.toThrow('reset 3');
    await client.ping(7);
  });

  it('does not wait for streams for ever', async () => {
    await start({ creationMs: 50 });
    const client = await connect(server.exec(wish('cat', { stdin: true })));
    await client.open({ streamType: 'error' });
    await client.closed;
  });

  it('cuts a connection off on which nothing happens', async () => {
    await start({ idleMs: 50 });
    const { client } = await exec(wish('wait', { stdin: true }));
    await client.closed;
    await server.close();
    expect(fake.seen).toEqual(['aborted']);
  });
});

describe('attach over SPDY', () => {
  const request = { containerId: 'c1', tty: false, stdin: true, stdout: true, stderr: false };

  it('is connected both ways', async () => {
    const client = await connect(server.attach(request));
    const { of, error } = await streams(client, request);
    of('stdin').write('hello');
    of('stdin').end();
    expect(await of('stdout').all).toBe('attached to c1;hello');
    expect(JSON.parse(await error.all)).toMatchObject({ status: 'Success' });
  });

  it('tells why not', async () => {
    const client = await connect(server.attach({ ...request, containerId: 'missing' }));
    const { error } = await streams(client, request);
    expect(JSON.parse(await error.all)).toMatchObject({
      message: 'Internal error occurred: error attaching to container: container missing: not found',
    });
  });
});

describe('port-forward over SPDY', () => {
  const pair = async (client: SpdyClient, requestID: string, port: number) => {
    const error = await client.open({ streamType: 'error', port: String(port), requestID }, { fin: true });
    const data = await client.open({ streamType: 'data', port: String(port), requestID });
    return { error, data };
  };

  it('carries several connections at a time, each half-closed by itself', async () => {
    const client = await connect(server.portForward({ podSandboxId: 'p1', ports: [] }), 'portforward.k8s.io');
    const one = await pair(client, '0', 80);
    const two = await pair(client, '1', 8080);
    one.data.write('hello');
    await one.data.until('80:HELLO');
    two.data.write('other');
    two.data.end();
    expect(await two.data.all).toBe('8080:OTHERbye');
    expect(await two.error.all).toBe('');
    one.data.end();
    expect(await one.data.all).toBe('80:HELLObye');
  });

  it('tells what went wrong for one connection; others go on', async () => {
    const client = await connect(server.portForward({ podSandboxId: 'p1', ports: [] }), 'portforward.k8s.io');
    const refused = await pair(client, '0', 81);
    expect(await refused.error.all).toBe('error forwarding port 81 to pod p1, uid : connection refused by p1');
    expect(await refused.data.all).toBe('');
    const other = await pair(client, '1', 82);
    expect(await other.data.all).toBe('82:');
  });

  it('says nothing was wrong when the client closes a connection, as kubectl does after its last byte', async () => {
    const client = await connect(server.portForward({ podSandboxId: 'p1', ports: [] }), 'portforward.k8s.io');
    const one = await pair(client, '0', 80);
    await one.data.until('80:');
    one.data.reset();
    expect(await one.error.all).toBe('');
    const other = await pair(client, '1', 82);
    expect(await other.data.all).toBe('82:');
  });

  it('pairs the streams of old clients by their order', async () => {
    const client = await connect(server.portForward({ podSandboxId: 'p1', ports: [] }), 'portforward.k8s.io');
    await client.open({ streamType: 'error', port: '82' }, { fin: true });
    const data = await client.open({ streamType: 'data', port: '82' });
    expect(await data.all).toBe('82:');
  });

  it('refuses ports that were not asked for, and what is no port', async () => {
    const client = await connect(server.portForward({ podSandboxId: 'p1', ports: [80] }), 'portforward.k8s.io');
    for (const port of ['82', '0', '65536', 'x', ''])
      await expect((await client.open({ streamType: 'error', port, requestID: port })).all).rejects.toThrow('reset 3');
  });

  it('does not keep half a pair', async () => {
    await start({ creationMs: 50 });
    const client = await connect(server.portForward({ podSandboxId: 'p1', ports: [] }), 'portforward.k8s.io');
    await expect((await client.open({ streamType: 'error', port: '80', requestID: '0' })).all).rejects.toThrow('reset 5');
    await client.ping(1);
  });
});

describe('an address', () => {
  const get = (url: string, headers: Record<string, string> = {}): Promise<string> =>
    new Promise((resolve, reject) => {
      const request = httpRequest(url, { headers }, (response) => {
        response.setEncoding('utf8').on('data', (text: string) => resolve(`${response.statusCode} ${text.trim()}`));
      });
      request.once('error', reject).end();
    });

  it('works once', async () => {
    const url = server.exec(wish('echo hi'));
    const client = await connect(url);
    const { of } = await streams(client, wish(''));
    expect(await of('stdout').all).toBe('hi');
    await expect(connect(url)).rejects.toThrow('404 404 page not found');
  });

  it('works for a while', async () => {
    await start({ tokenMs: 20 });
    const url = server.exec(wish('echo hi'));
    await new Promise((resolve) => setTimeout(resolve, 60));
    await expect(connect(url)).rejects.toThrow('404 404 page not found');
  });

  it('is bound to its verb, and spent by a wrong one', async () => {
    const url = server.exec(wish('echo hi'));
    await expect(connect(url.replace('/exec/', '/attach/'))).rejects.toThrow('404');
    await expect(connect(url)).rejects.toThrow('404');
  });

  it('answers what is no upgrade in the words of the original, and is spent', async () => {
    const url = server.exec(wish('echo hi'));
    expect(await get(url)).toBe('400 unable to upgrade: header X-Stream-Protocol-Version does not exist in request with 2 headers');
    expect(await get(url)).toBe('404 404 page not found');
    expect(await get(`${server.baseUrl}/other`)).toBe('404 404: Page Not Found');
    expect(await get(server.exec(wish('echo')), { 'X-Stream-Protocol-Version': V4 })).toBe(
      '400 unable to upgrade: header Upgrade "" is not SPDY/3.1',
    );
  });

  it('refuses protocols that nobody speaks, and says which it does', async () => {
    await expect(connect(server.exec(wish('echo')), 'v9.channel.k8s.io')).rejects.toThrow(
      '403 unable to upgrade: unable to negotiate protocol: client supports [v9.channel.k8s.io], server accepts [v4.channel.k8s.io v3.channel.k8s.io v2.channel.k8s.io channel.k8s.io]',
    );
  });

  it('is refused for streams that do not go together, and ports that are none', () => {
    expect(() => server.exec(wish('sh', { tty: true, stderr: true }))).toThrow('tty and stderr cannot both be true');
    expect(() => server.exec(wish('sh', { stdout: false }))).toThrow('one of stdin, stdout, or stderr must be set');
    expect(() => server.portForward({ podSandboxId: 'p', ports: [0] })).toThrow('port 0 is not between 1 and 65535');
  });

  it('is not given without bound', () => {
    for (let count = 0; count < 1000; count += 1) server.exec(wish('echo'));
    expect(() => server.exec(wish('echo'))).toThrow('maximum number of in-flight requests exceeded');
  });
});

describe('a client that is no client', () => {
  const cut = async (send: (client: SpdyClient) => void | Promise<void>): Promise<void> => {
    const client = await connect(server.exec(wish('cat', { stdin: true })));
    await send(client);
    await client.closed;
  };

  it('is cut off for frames that are too long, of another version, too short', async () => {
    await cut((client) => void client.socket.write(controlFrame(CONTROL.SYN_STREAM, 0, Buffer.alloc(20_000))));
    await cut((client) => void client.socket.write(Buffer.from('8002000100000000', 'hex')));
    await cut((client) => void client.socket.write(controlFrame(CONTROL.SYN_STREAM, 0, Buffer.alloc(4))));
  });

  it('is cut off for headers that unpack to a flood, lie about their lengths or are no zlib', async () => {
    await cut(async (client) => void (await client.open({ streamType: 'x'.repeat(1 << 20) })));
    await cut(async (client) => void (await client.open(Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`n${n}`, ''])))));
    await cut(
      (client) => void client.socket.write(controlFrame(CONTROL.SYN_STREAM, 0, Buffer.concat([numbers(1, 0), Buffer.alloc(80, 7)]))),
    );
  });

  it('is cut off for streams out of order', async () => {
    await cut(async (client) => {
      const block = await client.block({ streamType: 'error' });
      client.socket.write(controlFrame(CONTROL.SYN_STREAM, 0, Buffer.concat([numbers(2, 0), Buffer.alloc(2), block])));
    });
  });

  it('is told of data for streams that never were, and goes on', async () => {
    const client = await connect(server.exec(wish('cat', { stdin: true })));
    client.socket.write(Buffer.concat([dataHead(99, 3, true), Buffer.from('abc')]));
    await client.ping(3);
  });
});
