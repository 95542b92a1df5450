import { status as Code } from '@grpc/grpc-js';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ContentService, WriteAction } from '@gantry/api/containerd/services/content/v1/content';
import { EventsService } from '@gantry/api/containerd/services/events/v1/events';
import { NamespacesService } from '@gantry/api/containerd/services/namespaces/v1/namespace';
import {
  type CallContext,
  connect,
  type Connection,
  createServer,
  forwardService,
  type Handlers,
  newContext,
  notFound,
  notModified,
  type RpcServer,
  silentLogger,
  traceIdOf,
} from './index';

let dir: string;
let back: RpcServer;
let front: RpcServer;
let toBack: Connection;
let toFront: Connection;

const missing = async (): Promise<never> => Promise.reject(notFound('not part of this test'));

/** `local`: whether the target is called without its socket. */
const setUp = async (local: boolean): Promise<void> => {
  dir = await mkdtemp(join(tmpdir(), 'fwd-'));
  back = createServer({ logger: silentLogger });
  front = createServer({ logger: silentLogger });
  toBack = connect(join(dir, 'back.sock'), { local });
  toFront = connect(join(dir, 'front.sock'), { local: false });
  for (const definition of [NamespacesService, EventsService, ContentService]) forwardService(front, definition, toBack);
  await front.listen(toFront.socketPath);
};
afterEach(async () => {
  toFront.close();
  toBack.close();
  await front.stop(100);
  await back.stop(100);
  await rm(dir, { recursive: true });
});

const serveNamespaces = (part: Partial<Handlers<NamespacesService>>): void =>
  back.addService(NamespacesService, { get: missing, list: missing, create: missing, update: missing, delete: missing, ...part });
const listen = (): Promise<void> => back.listen(toBack.socketPath);

describe.each([
  ['over the socket', false],
  ['within one process', true],
])('%s', (_how, local) => {
  beforeEach(() => setUp(local));

  test('unary calls pass with their metadata, errors with kind and meta', async () => {
    let seen: CallContext | undefined;
    serveNamespaces({
      get: async (ctx, { name }) => {
        seen = ctx;
        if (name === 'same') throw notModified('it is so already', { meta: { id: name } });
        return { namespace: { name, labels: { a: 'b' } } };
      },
    });
    await listen();
    const ctx = newContext({ namespace: 'moby', lease: 'l' });
    expect((await toFront.client(NamespacesService).get(ctx, { name: 'n' }, { timeoutMs: 20_000 })).namespace).toEqual({
      name: 'n',
      labels: { a: 'b' },
    });
    expect(seen).toMatchObject({ namespace: 'moby', lease: 'l', operationId: ctx.operationId });
    expect(seen && traceIdOf(seen)).toBe(traceIdOf(ctx));
    expect(seen?.deadline).toBeDefined();
    await expect(toFront.client(NamespacesService).get(ctx, { name: 'same' })).rejects.toMatchObject({
      kind: 'notModified',
      message: 'it is so already',
      meta: { id: 'same' },
    });
  });

  test('a dead target is unavailable by its socket, a live one later works', async () => {
    await expect(toFront.client(NamespacesService).get(newContext(), { name: 'n' })).rejects.toMatchObject({
      kind: 'unavailable',
      message: `nobody answers on ${toBack.socketPath}`,
    });
    serveNamespaces({ get: async (_ctx, { name }) => ({ namespace: { name, labels: {} } }) });
    await listen();
    await toBack.ready(20_000);
    expect((await toFront.client(NamespacesService).get(newContext(), { name: 'n' })).namespace?.name).toBe('n');
  });

  test('a cancelled subscription is cancelled behind too', async () => {
    const over = Promise.withResolvers<void>();
    back.addService(EventsService, {
      publish: missing,
      forward: missing,
      subscribe: async (ctx, _request, send) => {
        ctx.signal.addEventListener('abort', () => over.resolve());
        await send({ timestamp: undefined, namespace: 'n', topic: '/t', event: undefined });
        await over.promise;
      },
    });
    await listen();
    for await (const message of toFront.client(EventsService).subscribe(newContext(), { filters: [] })) {
      expect(message.topic).toBe('/t');
      break;
    }
    await over.promise;
  });

  test('large two-way streams arrive whole and a slow reader holds the source back', async () => {
    let received = 0;
    back.addService(ContentService, {
      info: missing,
      update: missing,
      list: missing,
      delete: missing,
      status: missing,
      listStatuses: missing,
      abort: missing,
      read: async (_ctx, _request, send) => {
        for (; received < 500; received++) await send({ offset: BigInt(received), data: Buffer.alloc(65536, received % 256) });
      },
      write: async function* (_ctx, requests) {
        let offset = 0n;
        for await (const { data } of requests) {
          offset += BigInt(data.length);
          yield { action: WriteAction.WRITE, startedAt: undefined, updatedAt: undefined, offset, total: 0n, digest: '' };
        }
      },
    });
    await listen();
    const content = toFront.client(ContentService);
    async function* pieces() {
      for (let i = 0; i < 50; i++)
        yield { action: WriteAction.WRITE, ref: 'r', total: 0n, expected: '', offset: 0n, data: Buffer.alloc(1024 * 1024), labels: {} };
    }
    let last = 0n;
    for await (const { offset } of content.write(newContext(), pieces())) last = offset;
    expect(last).toBe(50n * 1024n * 1024n);

    const reading = content.read(newContext(), { digest: 'd', offset: 0n, size: 0n });
    await reading.opened;
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(received).toBeLessThan(250);
    let next = 0n;
    for await (const { offset, data } of reading) {
      expect([offset, data.length, data[0]]).toEqual([next, 65536, Number(next % 256n)]);
      next++;
    }
    expect(next).toBe(500n);
  });

  test('a call is cancelled where it is served, and ends at its deadline there', async () => {
    const ended: string[] = [];
    const bothEnded = Promise.withResolvers<void>();
    let began = Promise.withResolvers<void>();
    serveNamespaces({
      get: async (ctx) => {
        began.resolve();
        await new Promise<void>((resolve) => ctx.signal.addEventListener('abort', () => resolve()));
        ended.push((ctx.signal.reason as { kind: string }).kind);
        if (ended.length === 2) bothEnded.resolve();
        throw ctx.signal.reason;
      },
    });
    await listen();
    const gone = new AbortController();
    const left = toFront.client(NamespacesService).get(newContext({ signal: gone.signal }), { name: 'n' });
    await began.promise;
    gone.abort();
    await expect(left).rejects.toMatchObject({ kind: 'cancelled' });
    began = Promise.withResolvers();
    const late = toFront.client(NamespacesService).get(newContext(), { name: 'n' }, { timeoutMs: 500 });
    await expect(late).rejects.toMatchObject({ kind: 'deadlineExceeded' });
    await bothEnded.promise;
    expect(ended[0]).toBe('cancelled');
  });

  test('what is no message of the method, or more than one, is refused', async () => {
    serveNamespaces({ get: async (_ctx, { name }) => ({ namespace: { name, labels: {} } }) });
    await listen();
    const asIs = (bytes: Buffer): Buffer => bytes;
    const send = (...messages: Buffer[]): Promise<{ code: number; got: number }> =>
      new Promise((resolve) => {
        const call = toFront.raw.makeBidiStreamRequest('/containerd.services.namespaces.v1.Namespaces/Get', asIs, asIs);
        let got = 0;
        call.on('data', () => got++);
        call.on('error', () => undefined);
        call.on('status', ({ code }) => resolve({ code, got }));
        for (const message of messages) call.write(message);
        call.end();
      });
    const name = Buffer.from([0x0a, 1, 0x61]);
    expect(await send(name)).toEqual({ code: Code.OK, got: 1 });
    expect(await send(Buffer.from([0x0a, 9, 0x61]))).toEqual({ code: Code.INTERNAL, got: 0 });
    expect(await send()).toEqual({ code: Code.UNIMPLEMENTED, got: 0 });
    expect(await send(name, name)).toMatchObject({ code: Code.UNIMPLEMENTED, got: 0 });
  });

  test('the server behind that stops lets a call end that was passed to it, and cuts it when that takes too long', async () => {
    const goOn = Promise.withResolvers<void>();
    const began = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    serveNamespaces({
      get: async (_ctx, { name }) => {
        began[name === 'ends' ? 0 : 1]?.resolve();
        await (name === 'ends' ? goOn.promise : new Promise(() => undefined));
        return { namespace: { name, labels: {} } };
      },
    });
    await listen();
    const ask = (name: string): Promise<string | undefined> =>
      toFront
        .client(NamespacesService)
        .get(newContext(), { name })
        .then(({ namespace }) => namespace?.name);
    const ends = ask('ends');
    const hangs = expect(ask('hangs')).rejects.toMatchObject({ kind: local ? 'unavailable' : 'cancelled' });
    await Promise.all(began.map(({ promise }) => promise));
    const stopped = back.stop(300);
    goOn.resolve();
    expect(await ends).toBe('ends');
    await hangs;
    await stopped;
  });

  test('the server in front that stops ends streams that it passes on, and waits for the other calls', async () => {
    const goOn = Promise.withResolvers<void>();
    const began = Promise.withResolvers<void>();
    serveNamespaces({
      get: async (_ctx, { name }) => {
        began.resolve();
        await goOn.promise;
        return { namespace: { name, labels: {} } };
      },
    });
    back.addService(EventsService, {
      publish: missing,
      forward: missing,
      subscribe: (ctx) => new Promise((_, reject) => ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason as Error))),
    });
    await listen();
    const call = toFront.client(NamespacesService).get(newContext(), { name: 'n' });
    const stream = toFront.client(EventsService).subscribe(newContext(), { filters: [] });
    await Promise.all([began.promise, stream.opened]);
    const reading = (async () => {
      for await (const _message of stream) throw new Error('no message was sent');
    })();
    let stopped = false;
    const stop = front.stop(20_000).then(() => (stopped = true));
    await expect(reading).rejects.toMatchObject({ kind: 'unavailable', message: expect.stringContaining('the service stops') as string });
    expect(stopped).toBe(false);
    goOn.resolve();
    expect((await call).namespace?.name).toBe('n');
    await stop;
  });
});
