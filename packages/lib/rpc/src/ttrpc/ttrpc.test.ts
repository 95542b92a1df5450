import { mkdtemp, rm, stat } from 'node:fs/promises';
import { connect as connectSocket, createServer as createNetServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Request, Response } from '@gantry/api/containerd/ttrpc/request';
import { EventsService } from '@gantry/api/containerd/services/events/v1/events';
import { TaskService } from '@gantry/api/containerd/task/v2/shim';
import {
  type CallContext,
  connectTtrpc,
  createTtrpcServer,
  type Handlers,
  newContext,
  notFound,
  silentLogger,
  socketOfAddress,
  TTRPC_MAX_MESSAGE_BYTES,
  type TtrpcConnection,
  type TtrpcServer,
  withTimeout,
} from '../index';
import { encodeFrame, type Frame, FrameReader, FrameType } from './frame';

let dir: string;
let path: string;
let server: TtrpcServer;
const connections: TtrpcConnection[] = [];
const raw: Server[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ttrpc-'));
  path = join(dir, 's');
  server = createTtrpcServer({ logger: silentLogger });
});
afterEach(async () => {
  for (const one of connections.splice(0)) one.close();
  await server.stop(100);
  for (const one of raw.splice(0)) one.close();
  await rm(dir, { recursive: true });
});

async function serve(part: Partial<Handlers<TaskService>>, longCalls: (keyof TaskService & string)[] = []): Promise<void> {
  const none = async (): Promise<never> => {
    throw notFound('not part of this test');
  };
  const names = Object.keys(TaskService) as (keyof TaskService)[];
  server.addService(TaskService, { ...Object.fromEntries(names.map((name) => [name, none])), ...part } as Handlers<TaskService>, {
    longCalls,
  });
  await server.listen(path);
}
async function open(): Promise<TtrpcConnection> {
  const connection = await connectTtrpc(`unix://${path}`);
  connections.push(connection);
  return connection;
}
const ctx = (): CallContext => withTimeout(newContext({ namespace: 'other' }), 20_000);
const pidsOf = (id: string) => ({ processes: [{ pid: id.length, info: undefined }] });

test('calls carry the context, run beside each other and are answered in any order', async () => {
  const slow = Promise.withResolvers<void>();
  let seen: CallContext | undefined;
  await serve({
    pids: async (call, { id }) => {
      seen = call;
      if (id === 'slow') await slow.promise;
      return pidsOf(id);
    },
  });
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  const tasks = (await open()).client(TaskService);
  const first = tasks.pids(ctx(), { id: 'slow' });
  expect(await tasks.pids(ctx(), { id: 'quick' })).toEqual(pidsOf('quick'));
  expect(seen).toMatchObject({ namespace: 'other' });
  expect(seen?.deadline).toBeGreaterThan(Date.now());
  slow.resolve();
  expect(await first).toEqual(pidsOf('slow'));
});

test('errors keep their kind and text; unknown services and methods are named', async () => {
  await serve({ pids: async () => Promise.reject(notFound('task x not found')) });
  const connection = await open();
  await expect(connection.client(TaskService).pids(ctx(), { id: 'x' })).rejects.toMatchObject({
    kind: 'notFound',
    message: 'task x not found',
  });
  await expect(connection.client(EventsService).publish(ctx(), { topic: '', event: undefined })).rejects.toMatchObject({
    kind: 'notImplemented',
    message: expect.stringContaining('containerd.services.events.v1.Events') as string,
  });
});

test('streams are refused by name at both ends', async () => {
  expect(() => server.addService(EventsService, {} as Handlers<EventsService>)).toThrow(/Events\/Subscribe is a stream/);
  await serve({});
  const connection = await open();
  expect(() => connection.client(EventsService).subscribe(ctx(), { filters: [] })).toThrow(/Events\/Subscribe is a stream/);
  const answer = await exchange(
    Request.encode({
      service: 'containerd.task.v2.Task',
      method: 'Pids',
      payload: Buffer.alloc(0),
      timeoutNano: 0n,
      metadata: [],
    }).finish(),
    2,
  );
  expect(Response.decode(answer.payload).status).toMatchObject({
    code: 12,
    message: 'stream containerd.task.v2.Task/Pids is not served over ttrpc',
  });
});

test('a deadline ends the call at both ends', async () => {
  const ended = Promise.withResolvers<unknown>();
  await serve({
    wait: async (call) => {
      await new Promise((resolve) => call.signal.addEventListener('abort', resolve));
      ended.resolve(call.signal.reason);
      throw call.signal.reason;
    },
  });
  const tasks = (await open()).client(TaskService);
  await expect(tasks.wait(newContext(), { id: 'x', execId: '' }, { timeoutMs: 30 })).rejects.toMatchObject({ kind: 'deadlineExceeded' });
  expect(await ended.promise).toMatchObject({ kind: 'deadlineExceeded' });
});

test('a client that goes away aborts its calls; a server that goes away fails them', async () => {
  const began = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<unknown>();
  await serve(
    {
      wait: async (call) => {
        call.signal.addEventListener('abort', () => ended.resolve(call.signal.reason));
        began.resolve();
        return new Promise(() => undefined);
      },
    },
    ['wait'],
  );
  const leaving = await open();
  const lost = leaving.client(TaskService).wait(ctx(), { id: 'x', execId: '' });
  await began.promise;
  leaving.close();
  await expect(lost).rejects.toMatchObject({ kind: 'unavailable' });
  expect(await ended.promise).toMatchObject({ kind: 'cancelled' });

  const staying = await open();
  const cut = staying.client(TaskService).wait(ctx(), { id: 'x', execId: '' });
  cut.catch(() => undefined);
  await staying
    .client(TaskService)
    .pids(ctx(), { id: 'x' })
    .catch(() => undefined); // the wait has arrived
  await server.stop(10);
  await expect(cut).rejects.toMatchObject({ kind: 'unavailable' });
  await staying.closed;
  await expect(staying.client(TaskService).pids(ctx(), { id: 'x' })).rejects.toMatchObject({ kind: 'unavailable' });
  await expect(connectTtrpc(path)).rejects.toMatchObject({ kind: 'unavailable' });
});

test('messages beyond 4 MiB are refused and the connection lives on', async () => {
  await serve({
    pids: async (_ctx, { id }) =>
      id === 'much'
        ? { processes: [{ pid: 1, info: { typeUrl: 'x'.repeat(TTRPC_MAX_MESSAGE_BYTES), value: Buffer.alloc(0) } }] }
        : pidsOf(id),
  });
  const tasks = (await open()).client(TaskService);
  await expect(tasks.pids(ctx(), { id: 'x'.repeat(TTRPC_MAX_MESSAGE_BYTES) })).rejects.toMatchObject({ kind: 'resourceExhausted' });
  await expect(tasks.pids(ctx(), { id: 'much' })).rejects.toMatchObject({ kind: 'resourceExhausted' });
  expect(await tasks.pids(ctx(), { id: 'x'.repeat(3 << 20) })).toEqual(pidsOf('x'.repeat(3 << 20)));
  const answer = await exchange(Buffer.alloc(TTRPC_MAX_MESSAGE_BYTES + 1), 0);
  expect(Response.decode(answer.payload).status?.code).toBe(8);
});

test('garbage and wrong stream ids are answered, not obeyed', async () => {
  await serve({});
  expect(Response.decode((await exchange(Buffer.from([0xff, 0xff]), 0)).payload).status?.code).not.toBe(0);
  expect(Response.decode((await exchange(Buffer.alloc(0), 0, 2)).payload).status?.code).toBe(3);
});

test('an answer of another kind, or none, fails the call and not the process', async () => {
  const odd = createNetServer((socket) => socket.once('data', () => socket.end(encodeFrame(1, FrameType.data, Buffer.from('x')))));
  raw.push(odd);
  await new Promise<void>((resolve) => odd.listen(path, resolve));
  const tasks = (await open()).client(TaskService);
  await expect(tasks.pids(ctx(), { id: 'x' })).rejects.toMatchObject({ kind: 'internal' });
});

test('frames are cut from any chunks; one that is too long is skipped', () => {
  const bytes = Buffer.concat([
    encodeFrame(1, FrameType.request, Buffer.from('first')),
    encodeFrame(3, FrameType.request, Buffer.alloc(TTRPC_MAX_MESSAGE_BYTES + 5)),
    encodeFrame(5, FrameType.response, Buffer.from('last'), 1),
  ]);
  for (const size of [1 << 16, 7, bytes.length]) {
    const reader = new FrameReader();
    const seen: Frame[] = [];
    for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size), (frame) => seen.push(frame));
    expect(seen.map(({ streamId, type, flags, payload, oversized }) => [streamId, type, flags, payload.toString(), oversized])).toEqual([
      [1, 1, 0, 'first', undefined],
      [3, 1, 0, '', TTRPC_MAX_MESSAGE_BYTES + 5],
      [5, 2, 1, 'last', undefined],
    ]);
  }
});

test('addresses of shims are read; other schemes are refused', () => {
  expect([socketOfAddress('unix:///run/x'), socketOfAddress('/run/x'), socketOfAddress('unix://@name')]).toEqual([
    '/run/x',
    '/run/x',
    '\0name',
  ]);
  expect(() => socketOfAddress('vsock://2:1024')).toThrow(/vsock/);
});

/** One frame there, one back, without the client. */
function exchange(payload: Uint8Array, flags: number, streamId = 1): Promise<Frame> {
  return new Promise((resolve, reject) => {
    const socket = connectSocket(path);
    const reader = new FrameReader();
    socket.on('error', reject);
    socket.on('data', (chunk: Buffer) =>
      reader.push(chunk, (frame) => {
        socket.destroy();
        resolve(frame);
      }),
    );
    socket.write(encodeFrame(streamId, FrameType.request, payload, flags));
  });
}
