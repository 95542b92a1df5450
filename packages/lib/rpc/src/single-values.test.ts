import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NamespacesService } from '@gantry/api/containerd/services/namespaces/v1/namespace';
import { Request } from '@gantry/api/containerd/ttrpc/request';
import { Client, ChannelCredentials, Metadata } from '@grpc/grpc-js';
import { connect as connectSocket } from 'node:net';
import { once } from 'node:events';
import {
  type CallContext,
  type Connection,
  connect,
  createServer,
  createTtrpcServer,
  forwardService,
  notFound,
  silentLogger,
} from './index';
import { encodeFrame, FrameType } from './ttrpc/frame';

const NAMES = ['containerd-namespace', 'containerd-lease', 'gantry-operation-id', 'traceparent'];
const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const first = ['moby', 'lease-1', 'operation-1', TRACE];
const second = ['buildkit', 'lease-2', 'operation-2', TRACE.replace('b7', 'c8')];

let dir: string;
let seen: CallContext | undefined;
const cleanups: (() => Promise<void> | void)[] = [];

const none = async (): Promise<never> => {
  throw notFound('not part of this test');
};
const handlers = {
  get: async (ctx: CallContext) => {
    seen = ctx;
    return { namespace: undefined };
  },
  list: none,
  create: none,
  update: none,
  delete: none,
};

beforeEach(async () => {
  seen = undefined;
  dir = await mkdtemp(join(tmpdir(), 'first-'));
});
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
  await rm(dir, { recursive: true });
});

async function serve(path: string): Promise<void> {
  const server = createServer({ logger: silentLogger });
  server.addService(NamespacesService, handlers);
  await server.listen(path);
  cleanups.push(() => server.stop(100));
}

/** A call with every key twice, as a client of containerd whose context was wrapped twice sends it. */
async function callTwice(path: string): Promise<void> {
  const client = new Client(`unix:${path}`, ChannelCredentials.createInsecure());
  cleanups.push(() => client.close());
  const metadata = new Metadata();
  for (const values of [first, second]) NAMES.forEach((name, index) => metadata.add(name, values[index] ?? ''));
  const { path: method, requestSerialize, responseDeserialize } = NamespacesService.get;
  await new Promise<void>((resolve, reject) => {
    client.makeUnaryRequest(method, requestSerialize, responseDeserialize, { name: 'n' }, metadata, (error) =>
      error === null ? resolve() : reject(error),
    );
  });
}

const expectFirst = (): void => {
  expect(seen).toMatchObject({ namespace: 'moby', lease: 'lease-1', operationId: 'operation-1' });
  expect(seen?.traceparent).toContain(TRACE.slice(3, 35));
};

test('of a metadata key that is sent twice a handler sees the first value', async () => {
  await serve(join(dir, 's'));
  await callTwice(join(dir, 's'));
  expectFirst();
});

test('and so does the server that a service is passed on to', async () => {
  await serve(join(dir, 'behind'));
  const target: Connection = connect(join(dir, 'behind'), { local: false });
  const front = createServer({ logger: silentLogger });
  forwardService(front, NamespacesService, target);
  await front.listen(join(dir, 'front'));
  cleanups.push(
    () => target.close(),
    () => front.stop(100),
  );
  await callTwice(join(dir, 'front'));
  expectFirst();
});

test('and a handler of a ttrpc server', async () => {
  const server = createTtrpcServer({ logger: silentLogger });
  server.addService(NamespacesService, handlers);
  await server.listen(join(dir, 't'));
  cleanups.push(() => server.stop(100));
  const socket = connectSocket(join(dir, 't'));
  cleanups.push(() => void socket.destroy());
  const ttrpcNames = ['containerd-namespace-ttrpc', ...NAMES.slice(1)];
  const metadata = [first, second].flatMap((values) => ttrpcNames.map((key, index) => ({ key, value: values[index] ?? '' })));
  const request = Request.encode({
    service: 'containerd.services.namespaces.v1.Namespaces',
    method: 'Get',
    payload: Buffer.from(NamespacesService.get.requestSerialize({ name: 'n' })),
    timeoutNano: 0n,
    metadata,
  }).finish();
  socket.write(encodeFrame(1, FrameType.request, request));
  await once(socket, 'data');
  expectFirst();
});
