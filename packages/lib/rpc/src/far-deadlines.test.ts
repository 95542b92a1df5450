import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NamespacesService } from '@gantry/api/containerd/services/namespaces/v1/namespace';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { type CallContext, connect, createServer, newContext, notFound, pause, type RpcServer, silentLogger, withTimeout } from './index';

const DAY = 86_400_000;
const { list } = NamespacesService;
const none = (): Promise<never> => Promise.reject(notFound('not part of this test'));

let dir: string;
let server: RpcServer;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'far-'));
  server = createServer({ logger: silentLogger });
  // A handler that takes its time: a deadline of 1 ms would be over.
  const slow = async (): Promise<{ namespaces: [] }> => {
    await pause(50);
    return { namespaces: [] };
  };
  server.addService(NamespacesService, { get: none, list: slow, create: none, update: none, delete: none });
  await server.listen(join(dir, 'x.sock'));
});

afterEach(async () => {
  await server.stop(200);
  await rm(dir, { recursive: true });
});

/** A client that is not ours. */
function foreignList(deadlineMs: number): Promise<unknown> {
  const client = new Client(`unix:${join(dir, 'x.sock')}`, credentials.createInsecure());
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      list.path,
      list.requestSerialize,
      list.responseDeserialize,
      { filter: '' },
      new Metadata(),
      { deadline: Date.now() + deadlineMs },
      (error, answer) => (error === null ? resolve(answer) : reject(error)),
    );
  }).finally(() => client.close());
}

test.each([10_000, 24 * DAY, 30 * DAY, 4000 * DAY])('a foreign client that waits for %p ms is answered', async (ms) => {
  await expect(foreignList(ms)).resolves.toMatchObject({ namespaces: [] });
});

test.each([true, false])('our own client is answered, however long it would wait (in one process: %p)', async (local) => {
  const connection = connect(join(dir, 'x.sock'), { local });
  const ask = (ctx: CallContext, timeoutMs?: number): Promise<unknown> =>
    connection.client(NamespacesService).list(ctx, { filter: '' }, timeoutMs === undefined ? {} : { timeoutMs });
  try {
    for (const ms of [30 * DAY, 1e15]) {
      await expect(ask(withTimeout(newContext(), ms))).resolves.toMatchObject({ namespaces: [] });
      await expect(ask(newContext(), ms)).resolves.toMatchObject({ namespaces: [] });
    }
  } finally {
    connection.close();
  }
});
