import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { HealthCheckResponse_ServingStatus as Serving, HealthService } from '@gantry/api/grpc/health/v1/health';
import { type ServerReflectionResponse, ServerReflectionService } from '@gantry/api/grpc/reflection/v1/reflection';
import { NamespacesService } from '@gantry/api/containerd/services/namespaces/v1/namespace';
import {
  connect,
  connectStream,
  createServer,
  newContext,
  notFound,
  type RpcServer,
  type StreamConnection,
  silentLogger,
  type Connection,
  traceIdOf,
  withDeadline,
  withTimeout,
  type CallContext,
  isErrorOf,
} from './index';
import { EventsService } from '@gantry/api/containerd/services/events/v1/events';
import { ContentService } from '@gantry/api/containerd/services/content/v1/content';
import { localStreamPair } from './local-stream';
import type { Handlers } from './service-shape';

let dir: string;
let server: RpcServer;
let connection: Connection;
/** The way that the client takes: all behave the same. */
let way: 'socket' | 'local' | 'stream' = 'socket';
/** Ends of the streams of this test. */
const streams: Duplex[] = [];

type Client = Pick<StreamConnection, 'client'>;

/** Over a given stream there is nothing to wait for: it is made when the first client is, to whichever server there is then. */
function overStream(): Client {
  const [here, there] = localStreamPair();
  streams.push(here, there);
  server.serveStream(there);
  return connectStream(here);
}

const refuse = (): never => {
  throw notFound('not part of this test');
};

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'rpc-'));
  server = createServer({ logger: silentLogger });
  connection = connect(join(dir, 'x.sock'), { local: way === 'local' });
  let made: Client | undefined;
  if (way === 'stream') connection = { ...connection, client: (definition) => (made ??= overStream()).client(definition) };
});

afterEach(async () => {
  connection.close();
  for (const stream of streams.splice(0)) stream.destroy();
  await server.stop(200);
  await rm(dir, { recursive: true });
});

function serveNamespaces(part: Partial<Handlers<NamespacesService>>): Promise<void> {
  const none = async (): Promise<never> => refuse();
  server.addService(NamespacesService, { get: none, list: none, create: none, update: none, delete: none, ...part });
  return server.listen(connection.socketPath);
}

function serveEvents(part: Partial<Handlers<EventsService>>): Promise<void> {
  server.addService(EventsService, {
    publish: async () => refuse(),
    forward: async () => refuse(),
    subscribe: async () => refuse(),
    ...part,
  });
  return server.listen(connection.socketPath);
}

const envelope = (topic: string, size = 0) => ({
  timestamp: undefined,
  namespace: 'n',
  topic,
  event: { typeUrl: 't', value: Buffer.alloc(size) },
});

describe.each([
  ['through the socket', 'socket'],
  ['inside one process', 'local'],
  ['over a stream that is given', 'stream'],
] as const)('%s', (_name, taken) => {
  beforeAll(() => {
    way = taken;
  });
  /** A stream is there or not: nothing is found again. */
  const finds = taken === 'stream' ? (): void => undefined : test;

  describe('unary calls', () => {
    test('carry the context and come back', async () => {
      let seen: CallContext | undefined;
      await serveNamespaces({
        get: async (ctx, { name }) => {
          seen = ctx;
          return { namespace: { name, labels: {} } };
        },
      });
      const ctx = withTimeout(newContext({ namespace: 'other', lease: 'l1' }), 5000);
      const answer = await connection.client(NamespacesService).get(ctx, { name: 'n1' });
      expect(answer.namespace?.name).toBe('n1');
      expect(seen).toMatchObject({ namespace: 'other', lease: 'l1', operationId: ctx.operationId });
      expect(seen && traceIdOf(seen)).toBe(traceIdOf(ctx));
      expect(seen?.traceparent).not.toBe(ctx.traceparent);
      expect(seen?.deadline).toBeDefined();
      expect((await stat(connection.socketPath)).mode & 0o777).toBe(0o600);
    });

    test('fail with kind, message and meta', async () => {
      await serveNamespaces({
        get: async () => {
          throw notFound('namespace "ü" does not exist', { meta: { id: 'ü', tries: 2 } });
        },
      });
      const failure = await connection
        .client(NamespacesService)
        .get(newContext(), { name: 'ü' })
        .catch((error: unknown) => error);
      expect(failure).toMatchObject({ kind: 'notFound', message: 'namespace "ü" does not exist', meta: { id: 'ü', tries: 2 } });
    });

    test('an answer that cannot be written, or is none, is an internal error and no crash', async () => {
      await serveNamespaces({
        get: async (_ctx, { name }) => (name === 'none' ? undefined : { namespace: { name: 7, labels: null } }) as never,
      });
      const client = connection.client(NamespacesService);
      await expect(client.get(newContext(), { name: 'none' })).rejects.toMatchObject({ kind: 'internal' });
      await expect(client.get(newContext(), { name: 'wrong' })).rejects.toMatchObject({ kind: 'internal' });
    });

    test('a request that cannot be written fails the call', async () => {
      await serveNamespaces({});
      await expect(
        connection.client(NamespacesService).create(newContext(), { namespace: { name: 'x', labels: null } } as never),
      ).rejects.toMatchObject({ kind: 'internal' });
    });

    test.each([
      ['of the call', newContext, { timeoutMs: 1500 }],
      ['of its context, whose signal is not told', () => withDeadline(newContext(), 1500), {}],
    ] as const)('abort reaches the server with a reason: %s', async (_whose, contextOf, options) => {
      const aborted = Promise.withResolvers<unknown>();
      await serveNamespaces({
        get: (ctx) =>
          new Promise((_, reject) =>
            ctx.signal.addEventListener('abort', () => {
              aborted.resolve(ctx.signal.reason);
              reject(ctx.signal.reason as Error);
            }),
          ),
      });
      await connection.ready(20_000);
      // A call that has not reached the server at its deadline is not told to it: time enough for a busy machine.
      const failure = await connection
        .client(NamespacesService)
        .get(contextOf(), { name: 'x' }, options)
        .catch((error: unknown) => error);
      expect(isErrorOf(failure, 'deadlineExceeded')).toBe(true);
      // The client's word that it gave up may be there before the server's own clock says so.
      expect(isErrorOf(await aborted.promise, 'deadlineExceeded', 'cancelled')).toBe(true);
    });

    finds('a missing server is unavailable at once, or waited for', async () => {
      const client = connection.client(NamespacesService);
      await expect(client.get(newContext(), { name: 'x' })).rejects.toMatchObject({ kind: 'unavailable' });
      const waiting = client.get(newContext(), { name: 'x' }, { waitForReady: true, timeoutMs: 20_000 });
      await serveNamespaces({ get: async (_ctx, { name }) => ({ namespace: { name, labels: {} } }) });
      expect((await waiting).namespace?.name).toBe('x');
    });

    finds('a restarted server is found again', async () => {
      await serveNamespaces({ get: async (_ctx, { name }) => ({ namespace: { name, labels: { run: '1' } } }) });
      const client = connection.client(NamespacesService);
      await client.get(newContext(), { name: 'x' });
      await server.stop(100);
      server = createServer({ logger: silentLogger });
      const waiting = client.get(newContext(), { name: 'x' }, { waitForReady: true, timeoutMs: 20_000 });
      await serveNamespaces({ get: async (_ctx, { name }) => ({ namespace: { name, labels: { run: '2' } } }) });
      expect((await waiting).namespace?.labels).toEqual({ run: '2' });
    });

    test('messages up to 16 MiB pass, larger ones are refused', async () => {
      await serveNamespaces({ get: async (_ctx, { name }) => ({ namespace: { name, labels: {} } }) });
      const client = connection.client(NamespacesService);
      const big = 'x'.repeat(15 * 1024 * 1024);
      expect((await client.get(newContext(), { name: big })).namespace?.name.length).toBe(big.length);
      await expect(client.get(newContext(), { name: big + big })).rejects.toMatchObject({ kind: 'resourceExhausted' });
    });
  });

  describe('streams', () => {
    test('tell when they are open, deliver in order, and end', async () => {
      await serveEvents({
        subscribe: async (_ctx, _request, send) => {
          for (let i = 0; i < 100; i++) await send(envelope(`/t/${i}`));
        },
      });
      const stream = connection.client(EventsService).subscribe(newContext(), { filters: [] });
      await stream.opened;
      const topics: string[] = [];
      for await (const message of stream) topics.push(message.topic);
      expect(topics).toEqual(Array.from({ length: 100 }, (_, i) => `/t/${i}`));
    });

    test('a generator that fails after messages delivers them, then the error', async () => {
      await serveEvents({
        subscribe: async function* () {
          yield envelope('/a');
          throw notFound('gone');
        },
      });
      const seen: string[] = [];
      const stream = connection.client(EventsService).subscribe(newContext(), { filters: [] });
      const loop = async (): Promise<void> => {
        await new Promise((resolve) => setTimeout(resolve, 100)); // the error is there before the loop starts
        for await (const message of stream) seen.push(message.topic);
      };
      await expect(loop()).rejects.toMatchObject({ kind: 'notFound', message: 'gone' });
      expect(seen).toEqual(['/a']);
    });

    test('a message that cannot be written ends the stream with an error', async () => {
      await serveEvents({
        subscribe: async function* () {
          yield envelope('/a');
          yield { ...envelope('/b'), event: { typeUrl: 't' } } as never;
        },
      });
      const loop = async (): Promise<void> => {
        for await (const message of connection.client(EventsService).subscribe(newContext(), { filters: [] }))
          expect(message.topic).toBe('/a');
      };
      await expect(loop()).rejects.toMatchObject({ kind: 'internal' });
    });

    test('leaving the loop cancels the server', async () => {
      const ended = Promise.withResolvers<unknown>();
      await serveEvents({
        subscribe: async (ctx, _request, send) => {
          try {
            for (;;) await send(envelope('/t', 1000));
          } catch (error) {
            ended.resolve(error);
            throw error;
          }
        },
      });
      for await (const _message of connection.client(EventsService).subscribe(newContext(), { filters: [] })) break;
      expect(await ended.promise).toMatchObject({ kind: 'cancelled' });
    });

    test('a slow reader holds the sender back', async () => {
      let sent = 0;
      await serveEvents({
        subscribe: async (_ctx, _request, send) => {
          for (; sent < 1000; sent++) await send(envelope('/t', 65536));
        },
      });
      const stream = connection.client(EventsService).subscribe(newContext(), { filters: [] });
      await stream.opened;
      await new Promise((resolve) => setTimeout(resolve, 500));
      expect(sent).toBeLessThan(200);
      let count = 0;
      for await (const _message of stream) count++;
      expect(count).toBe(1000);
    });

    test('stop ends them and refuses nothing that was running', async () => {
      await serveEvents({
        subscribe: (ctx) => new Promise((_, reject) => ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason as Error))),
      });
      const stream = connection.client(EventsService).subscribe(newContext(), { filters: [] });
      await stream.opened;
      const reading = (async () => {
        for await (const _message of stream) throw new Error('no message was sent');
      })();
      const began = Date.now();
      await Promise.all([server.stop(20_000), expect(reading).rejects.toMatchObject({ kind: 'unavailable' })]);
      expect(Date.now() - began).toBeLessThan(20_000);
    });

    test('stop waits for calls that end, and cuts those that do not', async () => {
      const goOn = Promise.withResolvers<void>();
      const began = Promise.withResolvers<void>();
      let begun = 0;
      await serveNamespaces({
        get: async (_ctx, { name }) => {
          if (++begun === 2) began.resolve();
          await (name === 'ends' ? goOn.promise : new Promise(() => undefined));
          return { namespace: { name, labels: {} } };
        },
      });
      const namespaces = connection.client(NamespacesService);
      const ends = namespaces.get(newContext(), { name: 'ends' });
      const hangs = expect(namespaces.get(newContext(), { name: 'hangs' })).rejects.toMatchObject({
        kind: way === 'socket' ? 'cancelled' : 'unavailable',
      });
      await began.promise;
      const stop = server.stop(500);
      goOn.resolve();
      expect((await ends).namespace?.name).toBe('ends');
      await Promise.all([hangs, stop]);
    });

    test('two-way streams', async () => {
      const none = async (): Promise<never> => refuse();
      server.addService(ContentService, {
        info: none,
        update: none,
        list: none,
        delete: none,
        read: none,
        status: none,
        listStatuses: none,
        abort: none,
        write: async function* (_ctx, requests) {
          for await (const { ref, data } of requests)
            yield { action: 0, startedAt: undefined, updatedAt: undefined, offset: BigInt(data.length), total: 0n, digest: ref };
        },
      });
      await server.listen(connection.socketPath);
      async function* requests() {
        for (const ref of ['a', 'b', 'c'])
          yield { action: 0, ref, total: 0n, expected: '', offset: 0n, data: Buffer.from(ref.repeat(3)), labels: {} };
      }
      const seen: string[] = [];
      for await (const answer of connection.client(ContentService).write(newContext(), requests()))
        seen.push(`${answer.digest}${answer.offset}`);
      expect(seen).toEqual(['a3', 'b3', 'c3']);
    });
  });

  describe('every server', () => {
    test('tells its health and its changes', async () => {
      await serveNamespaces({});
      const health = connection.client(HealthService);
      expect(await health.check(newContext(), { service: '' })).toEqual({ status: Serving.SERVING });
      expect(await health.check(newContext(), { service: 'containerd.services.namespaces.v1.Namespaces' })).toEqual({
        status: Serving.SERVING,
      });
      await expect(health.check(newContext(), { service: 'x' })).rejects.toMatchObject({ kind: 'notFound' });
      const told: number[] = [];
      for await (const { status } of health.watch(newContext(), { service: '' })) {
        told.push(status);
        if (told.length === 1) server.setServing(false);
        if (told.length === 2) break;
      }
      expect(told).toEqual([Serving.SERVING, Serving.NOT_SERVING]);
    });

    test('tells its services and their files', async () => {
      await serveNamespaces({});
      async function* ask() {
        yield { host: '', listServices: '' };
        yield { host: '', fileContainingSymbol: 'containerd.services.namespaces.v1.Namespaces.Get' };
        yield { host: '', fileContainingSymbol: 'no.such.Thing' };
      }
      const answers: ServerReflectionResponse[] = [];
      for await (const answer of connection.client(ServerReflectionService).serverReflectionInfo(newContext(), ask())) answers.push(answer);
      const [services, file, missing] = answers;
      expect(services?.listServicesResponse?.service.map(({ name }) => name)).toEqual([
        'containerd.services.namespaces.v1.Namespaces',
        'grpc.health.v1.Health',
        'grpc.reflection.v1.ServerReflection',
        'grpc.reflection.v1alpha.ServerReflection',
      ]);
      const files = file?.fileDescriptorResponse?.fileDescriptorProto ?? [];
      expect(files[0]?.toString()).toContain('containerd/services/namespaces/v1/namespace.proto');
      expect(files.length).toBeGreaterThan(2);
      expect(missing?.errorResponse).toMatchObject({ errorCode: 5 });
    });

    test('does not take a live socket away, but a dead one', async () => {
      await serveNamespaces({});
      const second = createServer({ logger: silentLogger });
      await expect(second.listen(connection.socketPath)).rejects.toMatchObject({ kind: 'conflict' });
      await second.stop(100);
    });
  });
});
