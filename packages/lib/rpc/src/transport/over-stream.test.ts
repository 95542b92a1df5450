import { once } from 'node:events';
import { createServer as createHttp, request, type Server } from 'node:http';
import { createServer as createHttp2, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { NamespacesService } from '@gantry/api/containerd/services/namespaces/v1/namespace';
import { connectStream, createServer, newContext, notFound, type RpcServer, silentLogger, type StreamConnection } from '../index';
import { localStreamPair } from '../local-stream';
import { FrameReader, frameOf } from './framing';
import { timeoutHeader } from './headers';

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

function names(label: string): RpcServer {
  const server = createServer({ logger: silentLogger });
  const none = async (): Promise<never> => {
    throw notFound('not part of this test');
  };
  const get = async (_ctx: unknown, { name }: { name: string }) => ({ namespace: { name, labels: { label } } });
  server.addService(NamespacesService, { get, list: none, create: none, update: none, delete: none });
  open.push({ close: () => server.stop(100) });
  return server;
}

const ask = async (connection: StreamConnection, name = 'n') =>
  (await connection.client(NamespacesService).get(newContext(), { name })).namespace?.labels['label'];

async function listening(server: Server | Http2Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  open.push({ close: () => server.close() });
  return (server.address() as AddressInfo).port;
}

/** A connection that began as HTTP/1.1, as `POST /grpc` and `POST /session` of the Engine API do. */
async function hijacked(): Promise<readonly [caller: Duplex, taker: Duplex]> {
  const http = createHttp();
  const taken = new Promise<Duplex>((resolve) =>
    http.on('upgrade', (_request, socket: Duplex) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n');
      resolve(socket);
    }),
  );
  const port = await listening(http);
  const call = request({ port, method: 'POST', path: '/grpc', headers: { connection: 'Upgrade', upgrade: 'h2c' } }).end();
  const [, caller] = (await once(call, 'upgrade')) as [unknown, Duplex];
  const taker = await taken;
  open.push({ close: () => [caller, taker].forEach((socket) => socket.destroy()) });
  return [caller, taker];
}

describe('gRPC over a hijacked HTTP connection', () => {
  test('whoever called may call on', async () => {
    const [caller, taker] = await hijacked();
    names('taker').serveStream(taker);
    expect(await ask(connectStream(caller))).toBe('taker');
  });

  test('or serve', async () => {
    const [caller, taker] = await hijacked();
    names('caller').serveStream(caller);
    expect(await ask(connectStream(taker))).toBe('caller');
  });

  test('one server serves many streams, and its socketless stop ends them', async () => {
    const server = names('one');
    const connections = Array.from({ length: 5 }, () => {
      const [here, there] = localStreamPair();
      server.serveStream(there);
      return connectStream(here);
    });
    expect(await Promise.all(connections.map((connection) => ask(connection)))).toEqual(Array(5).fill('one'));
    await server.stop(100);
    await Promise.all(connections.map(({ closed }) => closed));
    await expect(ask(connections[0] as StreamConnection)).rejects.toMatchObject({ kind: 'unavailable' });
  });
});

test('a stream that breaks fails the calls that run, and those that come, with unavailable', async () => {
  const [here, there] = localStreamPair();
  const connection = connectStream(here);
  const running = ask(connection);
  there.destroy();
  await expect(running).rejects.toMatchObject({ kind: 'unavailable' });
  await connection.closed;
  await expect(ask(connection)).rejects.toMatchObject({ kind: 'unavailable' });
});

describe('answers that are none', () => {
  const answering = async (answer: (stream: ServerHttp2Stream) => void): Promise<StreamConnection> => {
    const http2 = createHttp2();
    http2.on('stream', answer);
    const [here, there] = localStreamPair();
    open.push({ close: () => [here, there].forEach((stream) => stream.destroy()) });
    http2.emit('connection', there);
    return connectStream(here);
  };

  test.each([
    ['HTTP 404', (stream: ServerHttp2Stream) => stream.respond({ ':status': 404 }, { endStream: true }), 'notImplemented'],
    ['HTTP 503', (stream: ServerHttp2Stream) => stream.respond({ ':status': 503 }, { endStream: true }), 'unavailable'],
    ['a reset', (stream: ServerHttp2Stream) => stream.on('error', () => undefined).close(2), 'internal'],
    [
      'a status without an answer',
      (stream: ServerHttp2Stream) =>
        stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '0' }, { endStream: true }),
      'internal',
    ],
    [
      'a failure in the head, its message encoded',
      (stream: ServerHttp2Stream) =>
        stream.respond({ ':status': 200, 'grpc-status': '5', 'grpc-message': 'not%20there' }, { endStream: true }),
      'notFound',
    ],
    [
      'a message cut short',
      (stream: ServerHttp2Stream) => {
        stream.respond({ ':status': 200 }, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
        stream.end(frameOf(Buffer.alloc(10)).subarray(0, 8));
      },
      'internal',
    ],
  ] as const)('%s', async (_name, answer, kind) => {
    const connection = await answering(answer);
    await expect(ask(connection)).rejects.toMatchObject({ kind });
    if (kind === 'notFound') await expect(ask(connection)).rejects.toMatchObject({ message: 'not there' });
  });
});

test('a call may carry metadata of its own, several values of a key among it', async () => {
  const http2 = createHttp2();
  const seen = new Promise<unknown>((resolve) =>
    http2.on('stream', (stream, headers) => {
      resolve([headers['dir-name'], headers['include-patterns']]);
      stream.respond({ ':status': 200, 'grpc-status': '5' }, { endStream: true });
    }),
  );
  const [here, there] = localStreamPair();
  open.push({ close: () => [here, there].forEach((stream) => stream.destroy()) });
  http2.emit('connection', there);
  const metadata = { 'dir-name': ['context'], 'include-patterns': ['a', 'b'] };
  await expect(connectStream(here).client(NamespacesService).get(newContext(), { name: 'n' }, { metadata })).rejects.toMatchObject({
    kind: 'notFound',
  });
  expect(await seen).toEqual(['context', 'a, b']);
});

test('messages that wait for one that is being written leave together, in their order', async () => {
  const http2 = createHttp2();
  const reader = new FrameReader();
  const came: string[] = [];
  http2.on('stream', (stream) => {
    stream.respond({ ':status': 200 }, { waitForTrailers: true });
    stream.on('data', (chunk: Buffer) => came.push(...reader.push(chunk).messages.map(String)));
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.on('end', () => stream.end());
  });
  const [here, there] = localStreamPair();
  open.push({ close: () => [here, there].forEach((stream) => stream.destroy()) });
  http2.emit('connection', there);
  let writes = 0;
  const [write, writev] = [here._write.bind(here), here._writev?.bind(here)];
  here._write = (chunk, encoding, done) => void (writes++, write(chunk, encoding, done));
  here._writev = (chunks, done) => void (writes++, writev?.(chunks, done));
  const Raw = {
    talk: {
      path: '/t.T/Talk',
      requestStream: true,
      responseStream: true,
      requestSerialize: (text: string) => Buffer.from(text),
      requestDeserialize: String,
      responseSerialize: (text: string) => Buffer.from(text),
      responseDeserialize: String,
    },
  } as const;
  const sent = Array.from({ length: 1000 }, (_, at) => `message ${at}`);
  async function* all(): AsyncGenerator<string> {
    yield* sent;
  }
  for await (const _none of connectStream(here).client(Raw).talk(newContext(), all())) expect(_none).toBeUndefined();
  expect(came).toEqual(sent);
  expect(writes).toBeLessThan(100);
});

test('frames are cut wherever the bytes are', () => {
  const sent = [Buffer.alloc(0), Buffer.from('a'), Buffer.alloc(70_000, 7)];
  const bytes = Buffer.concat(sent.map(frameOf));
  for (const step of [1, 3, 4096, bytes.length]) {
    const reader = new FrameReader();
    const read: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += step) read.push(...reader.push(bytes.subarray(at, at + step)).messages);
    expect(read.map((one) => one.length)).toEqual([0, 1, 70_000]);
    expect(reader.torn).toBe(false);
  }
  expect(new FrameReader().push(Buffer.from([1, 0, 0, 0, 0]))).toEqual({ messages: [], fault: 'compressed' });
  expect(new FrameReader().push(Buffer.from([0, 255, 255, 255, 255]))).toEqual({ messages: [], fault: 'too large' });
});

test('a deadline has at most eight digits', () => {
  expect([1, 99_999_999, 100_000_000, 1e11, 1e13].map(timeoutHeader)).toEqual(['1m', '99999999m', '100000S', '1666667M', '2777778H']);
});
