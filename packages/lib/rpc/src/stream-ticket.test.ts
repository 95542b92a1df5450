import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Duplex, PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { silentLogger } from './logger';
import { bringTicket, connectTicket, openTicket, StreamBroker, type StreamTicket, ticketOutcome } from './stream-ticket';

let dir: string;
let broker: StreamBroker;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'tick-'));
  mkdirSync(join(dir, 's'));
  await listen(60_000);
});
afterEach(async () => {
  await broker.close();
  rmSync(dir, { recursive: true });
});

async function listen(claimMs: number): Promise<void> {
  broker = new StreamBroker({ runRoot: dir, id: 'test', logger: silentLogger, claimMs });
  await broker.listen();
}

async function settled(): Promise<void> {
  for (let tries = 0; broker.connections > 0 && tries < 3000; tries++) await new Promise((resolve) => setTimeout(resolve, 10));
}

async function readAll(socket: Duplex): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

describe.each([
  ['over the socket', connectTicket],
  ['inside the process', openTicket],
] as const)('%s', (_way, open) => {
  test('bytes flow both ways, ends are told apart', async () => {
    const ticket = broker.offer((socket) =>
      pipeline(
        socket,
        async function* (source: AsyncIterable<Buffer>) {
          for await (const chunk of source) yield chunk.toString().toUpperCase();
        },
        socket,
      ),
    );
    expect(ticket.token).toMatch(/^[0-9a-f]{32}$/);
    expect(statSync(ticket.socket).mode & 0o777).toBe(0o600);
    const socket = await open(ticket);
    socket.write('hello ');
    await new Promise((resolve) => setTimeout(resolve, 20));
    socket.end('world');
    expect((await readAll(socket)).toString()).toBe('HELLO WORLD');
    expect(broker.pending).toBe(0);
  });

  test('16 MiB arrive whole when they follow the token at once', async () => {
    const data = Buffer.alloc(16 * 1024 * 1024, 'abcdefg');
    const received = Promise.withResolvers<Buffer>();
    const ticket = broker.offer(async (socket) => {
      received.resolve(await readAll(socket));
      socket.end();
    });
    const raw = connect(ticket.socket);
    raw.end(Buffer.concat([Buffer.from(`${ticket.token}\n`), data]));
    expect((await received.promise).equals(data)).toBe(true);
    raw.destroy();
  });

  test('a ticket is good once, a wrong token never', async () => {
    let served = 0;
    const ticket = broker.offer(async (socket) => {
      served++;
      socket.end('x');
    });
    expect((await readAll(await open(ticket))).toString()).toBe('x');
    for (const token of [ticket.token, '0'.repeat(32), `${ticket.token.slice(0, 8)}${'0'.repeat(24)}`, 'short', '\n'.repeat(33)]) {
      const refused = await open({ socket: ticket.socket, token: token.padEnd(32, ' ') });
      expect(await readAll(refused).catch(() => Buffer.alloc(0))).toEqual(Buffer.alloc(0));
    }
    expect(served).toBe(1);
    await settled();
    expect(broker.connections).toBe(0);
  });

  test('unclaimed tickets and silent connections expire', async () => {
    await broker.close();
    await listen(300);
    const expired = jest.fn();
    const ticket = broker.offer(async () => undefined, expired);
    const silent = connect(ticket.socket);
    const closed = new Promise((resolve) => silent.once('close', resolve));
    silent.resume();
    await closed;
    expect(expired).toHaveBeenCalledTimes(1);
    await settled();
    expect([broker.pending, broker.connections]).toEqual([0, 0]);
  });

  test('a handler that fails closes the connection; closing the broker ends all', async () => {
    const failing = await open(broker.offer(async () => Promise.reject(new Error('boom'))));
    expect(await readAll(failing).catch(() => Buffer.alloc(0))).toEqual(Buffer.alloc(0));
    await settled();
    const heard = Promise.withResolvers<void>();
    const held = await open(
      broker.offer((socket) => {
        socket.resume().once('end', heard.resolve);
        return new Promise(() => undefined);
      }),
    );
    const closed = new Promise((resolve) => held.once('close', resolve));
    held.on('error', () => undefined).resume();
    held.end();
    await heard.promise;
    expect(broker.connections).toBe(1);
    await broker.close();
    await closed;
    await expect(open({ socket: broker.socketPath, token: '0'.repeat(32) })).rejects.toMatchObject({ kind: 'unavailable' });
  });
});

test('who leaves without having shown a token is not waited for', async () => {
  await broker.close();
  await listen(3_600_000);
  for (const shown of ['', 'half a token']) {
    const socket = connect(broker.socketPath).resume();
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.end(shown);
    await closed; // the broker closes its half, too
  }
  await settled();
  expect(broker.connections).toBe(0);
});

test('how a stream ended can be asked for, over the socket and inside the process', async () => {
  const half = broker.offer(async (stream) => {
    stream.end('half');
    await new Promise((resolve) => stream.once('finish', resolve));
    throw new Error('the disk broke');
  });
  expect((await readAll(await connectTicket(half))).toString()).toBe('half');
  await expect(ticketOutcome(half)).rejects.toThrow('the disk broke');
  await expect(overSocket(half)).rejects.toThrow('the disk broke');
  const whole = broker.offer(async (stream) => void stream.end('whole'));
  expect((await readAll(await openTicket(whole))).toString()).toBe('whole');
  await ticketOutcome(whole);
  await overSocket(whole);
  await expect(overSocket({ ...whole, token: '0'.repeat(32) })).rejects.toThrow('nothing is known');
});

/** As another process would ask: the broker is not found by this path. */
function overSocket(ticket: StreamTicket): Promise<void> {
  return ticketOutcome({
    ...ticket,
    socket: `${ticket.socket.slice(0, ticket.socket.lastIndexOf('/'))}/./${ticket.socket.slice(ticket.socket.lastIndexOf('/') + 1)}`,
  });
}

test('a ticket of this process is brought a stream itself, once, in the same turn', async () => {
  const got: Duplex[] = [];
  const ticket = broker.offer(async (stream) => void got.push(stream));
  const own = new PassThrough();
  const over = bringTicket(ticket, () => own);
  expect(got).toEqual([own]);
  await over;
  const made = jest.fn(() => new PassThrough());
  expect(bringTicket(ticket, made)).toBeUndefined();
  expect(bringTicket({ socket: '/nowhere', token: ticket.token }, made)).toBeUndefined();
  expect(made).not.toHaveBeenCalled();
});

test('inside the process a writer waits for its reader, and a cut is told', async () => {
  const served = Promise.withResolvers<Duplex>();
  const ticket = broker.offer(async (stream) => {
    served.resolve(stream);
    await new Promise((resolve) => stream.once('close', resolve));
  });
  const client = await openTicket(ticket);
  const server = await served.promise;
  const failed = new Promise<Error>((resolve) => server.once('error', resolve));
  let taken = 0;
  while (client.write(Buffer.alloc(1 << 16)) && taken < 1000) taken++;
  expect(taken).toBeLessThan(64);
  const drained = new Promise((resolve) => client.once('drain', resolve));
  server.resume();
  await drained;
  client.destroy();
  expect(await failed).toMatchObject({ code: 'ECONNRESET' });
});

test('inside the process what was sent before the end is read whole after the sender left', async () => {
  const received = Promise.withResolvers<Buffer>();
  const gate = Promise.withResolvers<void>();
  const ticket = broker.offer(async (stream) => {
    await gate.promise;
    received.resolve(await readAll(stream));
  });
  const client = await openTicket(ticket);
  client.end('all of it');
  await new Promise((resolve) => client.once('finish', resolve));
  client.destroy();
  gate.resolve();
  expect((await received.promise).toString()).toBe('all of it');
});
