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

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'fwd-'));
  back = createServer({ logger: silentLogger });
  front = createServer({ logger: silentLogger });
  toBack = connect(join(dir, 'back.sock'));
  toFront = connect(join(dir, 'front.sock'));
  for (const definition of [NamespacesService, EventsService, ContentService]) forwardService(front, definition, toBack);
  await front.listen(toFront.socketPath);
});
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
