import { connect, type Socket } from 'node:net';
import { invalidArgument } from '@gantry/rpc';
import { type FakeContainers, fakeContainers } from '../testing/fake-container';
import type { FakeIo } from '../testing/fake-monitor';
import { type GatewayFixture, startGateway } from '../testing/gateway';
import { frame } from './frames';

let gateway: GatewayFixture;
let fake: FakeContainers;

async function start(run: (io: FakeIo) => Promise<number> | number, tty = false): Promise<void> {
  gateway = await startGateway((broker, folder) => (fake = fakeContainers(broker, folder, run, tty)));
}
afterEach(async () => {
  for (const monitor of fake.monitors) monitor.close();
  await gateway.close();
});

const upgrade = 'Connection: Upgrade\r\nUpgrade: tcp\r\n';

class RawClient {
  text = '';
  readonly socket: Socket;
  readonly ended: Promise<void>;
  constructor(request: string, allowHalfOpen = true) {
    this.socket = connect({ path: gateway.socket, allowHalfOpen });
    this.socket.on('data', (chunk) => (this.text += chunk.toString('latin1')));
    this.ended = new Promise((resolve) => this.socket.once('end', () => resolve()));
    this.socket.write(request);
  }
  async until(pattern: RegExp): Promise<void> {
    for (let i = 0; i < 2000 && !pattern.test(this.text); i++) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(this.text).toMatch(pattern);
  }
  get body(): string {
    return this.text.slice(this.text.indexOf('\r\n\r\n') + 4);
  }
}

const attach = (query: string, headers = upgrade, version = '1.50'): RawClient =>
  new RawClient(`POST /v${version}/containers/box/attach?${query} HTTP/1.1\r\nHost: docker\r\n${headers}\r\n`);
const frames = (...parts: [1 | 2, string][]): string =>
  Buffer.concat(parts.map(([stream, text]) => frame(stream, Buffer.from(text)))).toString('latin1');

test('attach is answered before the start, and loses no byte', async () => {
  await start(async (io) => {
    io.stdout('one');
    io.stderr('two');
    return 0;
  });
  const client = attach('stream=1&stdout=1&stderr=1');
  await client.until(
    /^HTTP\/1\.1 101 UPGRADED\r\nContent-Type: application\/vnd\.docker\.multiplexed-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n/,
  );
  expect(client.text).toContain('Api-Version: ');
  expect((await gateway.ask('POST', '/containers/box/start')).status).toBe(204);
  await client.ended;
  expect(client.body).toBe(frames([1, 'one'], [2, 'two']));
  client.socket.end();
});

test.each([
  ['Upgrade: tcp\r\n', /^HTTP\/1\.1 101 UPGRADED\r\nContent-Type: application\/vnd\.docker\.multiplexed-stream\r\n/],
  ['', /^HTTP\/1\.1 200 OK\r\nContent-Type: application\/vnd\.docker\.raw-stream\r\n/],
])('Upgrade alone is enough, and without it the stream goes by its old name: "%s"', async (headers, answer) => {
  await start((io) => {
    io.stdout('one');
    return 0;
  });
  const client = attach('stream=1&stdout=1', `${headers}Content-Length: 0\r\n`);
  await client.until(answer);
  await gateway.ask('POST', '/containers/box/start');
  await client.ended;
  expect(client.body).toBe(frames([1, 'one']));
  client.socket.end();
});

test.each([
  ['foo', 400],
  ['ctrl-A', 400],
  ['a,,b', 400],
  ['DEL,ctrl-@', 101],
])('detach keys %s: %i', async (keys, status) => {
  await start(() => 0);
  const client = attach(`stream=1&stdout=1&detachKeys=${keys}`);
  await client.until(new RegExp(`^HTTP/1.1 ${status} `));
  client.socket.destroy();
});

test('half-close of the client ends stdin while output goes on', async () => {
  await start(async (io) => {
    io.stdout(`got ${await io.stdin}`);
    return 0;
  });
  const client = attach('stream=1&stdin=1&stdout=1');
  await client.until(/101 UPGRADED/);
  client.socket.end('hello');
  await gateway.ask('POST', '/containers/box/start');
  await client.ended;
  expect(client.body).toBe(frames([1, 'got hello']));
  expect(fake.monitors[0]?.requests[0]).toEqual({ op: 'attach', stdin: true, stdout: true, stderr: false });
});

test('without Upgrade the answer is 200 and the connection raw in both directions', async () => {
  await start(async (io) => {
    io.stdout(`got ${await io.stdin}`);
    return 0;
  });
  const client = attach('stream=1&stdin=1&stdout=1', '', '1.41');
  await client.until(/^HTTP\/1\.1 200 OK\r\nContent-Type: application\/vnd\.docker\.raw-stream\r\n/);
  client.socket.end('raw bytes');
  await gateway.ask('POST', '/containers/box/start');
  await client.ended;
  expect(client.body).toBe(frames([1, 'got raw bytes']));
});

test('a terminal is raw, and the detach keys leave the process alone', async () => {
  let seen = '';
  await start(async (io) => {
    io.onInput((chunk) => (seen += chunk.toString('latin1')));
    io.stdout('# ');
    await io.stdin;
    return 0;
  }, true);
  const client = attach('stream=1&stdin=1&stdout=1&detachKeys=ctrl-a,x');
  await client.until(/raw-stream/);
  await gateway.ask('POST', '/containers/box/start');
  await client.until(/# $/);
  client.socket.write('ls\r\x01y\x01');
  client.socket.write('x');
  await client.ended;
  expect(seen).toBe('ls\r\x01y');
  client.socket.end();
});

test("errors before the hijack are answers with the stream's type, in plain words", async () => {
  await start(() => 0);
  const missing = new RawClient(`POST /v1.50/containers/nobody/attach?stream=1 HTTP/1.1\r\nHost: docker\r\n${upgrade}\r\n`);
  await missing.ended;
  expect(missing.text).toMatch(/^HTTP\/1\.1 404 Not Found\r\n/);
  expect(missing.text).toMatch(/\r\nContent-Type: application\/vnd\.docker\.raw-stream\r\n/);
  expect(missing.body).toBe('No such container: nobody\r\n');
  const keys = attach('detachKeys=bogus');
  await keys.ended;
  expect(keys.text).toContain('Invalid detach keys (bogus) provided');
  const elsewhere = new RawClient(`GET /v1.50/containers/json HTTP/1.1\r\nHost: docker\r\n${upgrade}\r\n`);
  await elsewhere.until(/^HTTP\/1\.1 200 OK/);
  elsewhere.socket.destroy();
  for (const client of [missing, keys]) client.socket.end();
});

test('exec start reads its body from an upgraded connection, and the exit code is known when the stream ends', async () => {
  await start(async (io) => {
    io.stdout(`in: ${await io.stdin}`);
    return 3;
  });
  const body = JSON.stringify({ Detach: false, Tty: false });
  const client = new RawClient(
    `POST /v1.50/exec/e1/start HTTP/1.1\r\nHost: docker\r\n${upgrade}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, 5)}`,
  );
  setTimeout(() => client.socket.end(`${body.slice(5)}early`), 30);
  await client.ended;
  expect(client.text).toMatch(/^HTTP\/1\.1 101 UPGRADED/);
  expect(client.body).toBe(frames([1, 'in: early']));
  expect((await gateway.ask('GET', '/exec/e1/json')).json()).toMatchObject({ ExitCode: 3, Running: false, ID: 'e1' });
});

test.each([
  [true, false, 'framed'],
  [false, true, 'raw'],
])(
  'frames are as exec start asks, whatever the exec was created with: created with a terminal %s, started with %s',
  async (created, started, form) => {
    await start(async (io) => {
      io.stdout('output');
      return 0;
    }, created);
    const body = JSON.stringify({ Tty: started });
    const client = new RawClient(
      `POST /v1.50/exec/e1/start HTTP/1.1\r\nHost: docker\r\n${upgrade}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    await client.ended;
    expect(client.body).toBe(form === 'framed' ? frames([1, 'output']) : 'output');
    expect(client.text).toContain(form === 'framed' ? 'multiplexed-stream' : 'raw-stream');
    client.socket.end();
  },
);

test('a detached exec answers 200 without a body', async () => {
  await start(() => 0);
  const answer = await gateway.ask('POST', '/v1.50/exec/e1/start', { body: { Detach: true } });
  expect([answer.status, answer.text]).toEqual([200, '']);
});

test('a slow client holds the process back instead of filling memory', async () => {
  let written = 0;
  let blocked = false;
  await start(async (io) => {
    const chunk = frame(1, Buffer.alloc(65536));
    for (let i = 0; i < 800 && !blocked; i++) {
      if (!io.socket.write(chunk))
        blocked = await Promise.race([
          new Promise<false>((resolve) => io.socket.once('drain', () => resolve(false))),
          new Promise<true>((resolve) => setTimeout(() => resolve(true), 400)),
        ]);
      written += chunk.length;
    }
    return 0;
  });
  const client = attach('stream=1&stdout=1');
  await client.until(/101 UPGRADED/);
  client.socket.pause();
  await gateway.ask('POST', '/containers/box/start');
  for (let i = 0; i < 600 && !blocked; i++) await new Promise((resolve) => setTimeout(resolve, 50));
  expect(blocked).toBe(true);
  expect(written).toBeLessThan(4 * 1024 * 1024);
  client.socket.destroy();
});

test('wait sends its headers at once and the exit code later', async () => {
  await start(() => 5);
  const waiting = new RawClient('POST /v1.50/containers/box/wait?condition=next-exit HTTP/1.1\r\nHost: docker\r\n\r\n');
  await waiting.until(/^HTTP\/1\.1 200 OK\r\n/);
  expect(waiting.body).toBe('');
  const client = attach('stream=1&stdout=1');
  await client.until(/101 UPGRADED/);
  await gateway.ask('POST', '/containers/box/start');
  await waiting.until(/\{"StatusCode":5\}/);
  waiting.socket.destroy();
  client.socket.destroy();
});

test('a websocket carries plain bytes both ways', async () => {
  await start(async (io) => {
    io.stdout('out');
    io.stderr('err');
    io.onInput((chunk) => {
      io.stdout(`<${chunk.toString()}>`);
      io.socket.end();
    });
    await io.stdin;
    return 0;
  });
  const key = Buffer.alloc(16, 7).toString('base64');
  const client = new RawClient(
    `GET /v1.50/containers/box/attach/ws?stream=1&stdin=1&stdout=1&stderr=1 HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
  );
  await client.until(/^HTTP\/1\.1 101 Switching Protocols\r\n[^]*Sec-WebSocket-Accept: [\w+\/=]+\r\n/);
  await gateway.ask('POST', '/containers/box/start');
  await client.until(/\x82.err|\x82.outerr/);
  const mask = [1, 2, 3, 4];
  const ping = [0x89, 0x80, ...mask];
  const text = [...Buffer.from('hello')].map((byte, i) => byte ^ (mask[i & 3] as number));
  client.socket.write(Buffer.from([...ping, 0x81, 0x85, ...mask, ...text]));
  await client.ended;
  expect(client.body).toContain('\x8a\x00');
  expect(client.body).toContain('\x82\x07<hello>');
  expect(client.body.endsWith('\x88\x02\x03\xe8')).toBe(true);
  client.socket.destroy();
  const plain = await gateway.ask('GET', '/containers/box/attach/ws');
  expect([plain.status, plain.json().message]).toEqual([400, 'not a websocket handshake of version 13']);
});

test('a command that cannot be started is told as output', async () => {
  await start(() => 0);
  const { containers } = fake;
  await gateway.restartEngine({
    containers: {
      ...containers,
      async *execStart() {
        yield {
          socket: fake.monitors[1]?.path ?? '',
          tty: false,
          stdin: false,
          stdout: true,
          stderr: true,
          started: false,
          detachKeys: '',
        };
        await new Promise((resolve) => setTimeout(resolve, 30));
        throw invalidArgument('OCI runtime exec failed: "nope": executable file not found in $PATH');
      },
    },
  });
  const client = new RawClient(`POST /v1.50/exec/e1/start HTTP/1.1\r\nHost: docker\r\n${upgrade}\r\n`);
  await client.ended;
  expect(client.body).toBe(frames([1, 'OCI runtime exec failed: "nope": executable file not found in $PATH\r\n']));
  client.socket.end();
});

test('a wait goes on through a restart of the engine', async () => {
  await start(() => 5);
  const waiting = new RawClient('POST /v1.50/containers/box/wait?condition=next-exit HTTP/1.1\r\nHost: docker\r\n\r\n');
  await waiting.until(/^HTTP\/1\.1 200 OK\r\n/);
  const asked: string[] = [];
  await gateway.restartEngine({
    containers: {
      ...fake.containers,
      async *wait(_ctx, { condition }) {
        asked.push(condition);
        yield { registered: true, statusCode: 0n, error: '', containerId: 'box' };
        yield { registered: false, statusCode: 9n, error: '', containerId: 'box' };
      },
    },
  });
  await waiting.until(/\{"StatusCode":9\}/);
  expect(asked).toEqual(['not-running']);
  waiting.socket.destroy();
});

test('a client that is gone releases the monitor, one that only said "no more input" does not', async () => {
  const closed = Promise.withResolvers<void>();
  await start(async (io) => {
    await io.stdin; // without stdin it ends only when the gateway lets go
    closed.resolve();
    return 0;
  });
  const client = attach('stream=1&stdout=1');
  await client.until(/101 UPGRADED/);
  await gateway.ask('POST', '/containers/box/start');
  client.socket.end();
  expect(await Promise.race([closed.promise, new Promise((resolve) => setTimeout(() => resolve('open'), 200))])).toBe('open');
  client.socket.destroy();
  await closed.promise;
});
