import { mkdtempSync, rmSync } from 'node:fs';
import { connect as connectSocket, createServer as createNetServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { HealthService } from '@gantry/api/grpc/health/v1/health';
import type { BytesMessage } from '@gantry/api/moby/buildkit/v1/control';
import { createServer, newContext, silentLogger } from '@gantry/rpc';
import { sessionAbout } from './about';
import { sessionGroup } from './group';
import { messageStream } from './message-stream';
import { SessionRegistry } from './registry';

/** Two ends of a connection in this process. */
function pair(): [Duplex, Duplex] {
  const end = (other: () => Duplex): Duplex =>
    new Duplex({
      read: () => undefined,
      write: (chunk, _encoding, done) => {
        other().push(chunk);
        done();
      },
      final: (done) => {
        other().push(null);
        done();
      },
      destroy: (error, done) => {
        setImmediate(() => other().destroy());
        done(error);
      },
    });
  const one: Duplex = end(() => two);
  const two: Duplex = end(() => one);
  return [one, two];
}

const about = { id: 'abc', name: 'ctx', sharedKey: '', methods: ['/moby.filesync.v1.FileSync/DiffCopy'] };

/** A client as buildx is: a server on its end of the stream. */
function openClient(sessions: SessionRegistry, change: Partial<typeof about> = {}): { stream: Duplex; over: Promise<void> } {
  const [ours, theirs] = pair();
  createServer({ logger: silentLogger }).serveStream(theirs);
  return { stream: theirs, over: sessions.serve(ours, { ...about, ...change }) };
}

test('a session is called over its stream, and is gone with it', async () => {
  const sessions = new SessionRegistry(silentLogger);
  const { stream, over } = openClient(sessions);
  const session = await sessions.find('abc');
  expect(session.serves('/moby.filesync.v1.filesync/diffcopy')).toBe(true);
  expect(session.serves('/moby.filesync.v1.FileSync/TarStream')).toBe(false);
  expect(await session.client(HealthService).check(newContext(), { service: '' })).toBeDefined();
  stream.destroy();
  await over;
  await expect(sessions.find('abc', 0)).rejects.toMatchObject({ kind: 'notFound', message: expect.stringContaining('abc') as string });
});

test('a client that ends its side of a connection is gone, whatever is asked of it', async () => {
  const path = join(mkdtempSync(join(tmpdir(), 'gs-')), 's');
  const sessions = new SessionRegistry(silentLogger);
  const served = Promise.withResolvers<void>();
  const server = createNetServer({ allowHalfOpen: true }, (socket) => served.resolve(sessions.serve(socket, about))).listen(path);
  const client = connectSocket({ path, allowHalfOpen: true });
  const asked = (await sessions.find('abc')).client(HealthService).check(newContext(), { service: '' });
  client.end();
  await expect(asked).rejects.toMatchObject({ kind: 'unavailable' });
  await served.promise;
  server.close();
  client.destroy();
  rmSync(join(path, '..'), { recursive: true });
}, 9000); // before the health checks would notice

test('an id is open once, and who asks early waits', async () => {
  const sessions = new SessionRegistry(silentLogger);
  const early = sessions.find('prefix:abc');
  const { stream, over } = openClient(sessions);
  expect((await early).id).toBe('abc');
  expect(() => sessions.check('abc')).toThrow('session abc already exists');
  stream.destroy();
  await over;
});

test('a group asks one after the other, those who join late as well, and tells the last failure', async () => {
  const sessions = new SessionRegistry(silentLogger);
  const clients = [openClient(sessions), openClient(sessions, { id: 'def' })];
  const ids = ['abc'];
  const group = sessionGroup(sessions, () => ids);
  const asked: string[] = [];
  const answer = group.any(async ({ id }) => {
    asked.push(id);
    if (id === 'def') return id;
    ids.push('def');
    throw new Error('not me');
  });
  expect(await answer).toBe('def');
  expect(asked).toEqual(['abc', 'def']);
  await expect(group.any(() => Promise.reject(new Error('nobody')))).rejects.toThrow('nobody');
  await expect(sessionGroup(sessions, () => []).any(() => Promise.resolve(1))).rejects.toThrow('no active sessions');
  for (const { stream } of clients) stream.destroy();
});

test('a session comes over Control.Session, too: a connection inside of a call', async () => {
  const sessions = new SessionRegistry(silentLogger);
  const [near, far] = pair();
  createServer({ logger: silentLogger }).serveStream(far);
  const requests = (async function* (): AsyncGenerator<BytesMessage> {
    for await (const data of near) yield { data: data as Buffer };
  })();
  const send = async ({ data }: BytesMessage): Promise<void> => void near.write(data);
  const sent = (key: string): readonly string[] =>
    ({ 'x-docker-expose-session-uuid': ['inner'], 'x-docker-expose-session-grpc-method': ['/a/B, /c/D'] })[key] ?? [];
  const over = sessions.serve(messageStream(requests, send), sessionAbout({ sent }));
  const session = await sessions.find('inner');
  expect([session.serves('/c/d'), session.serves('/e/F')]).toEqual([true, false]);
  expect(await session.client(HealthService).check(newContext(), { service: '' })).toBeDefined();
  far.destroy();
  await over;
});

test('a call without the header of its session is refused', () => {
  expect(() => sessionAbout({})).toThrow('a session needs the header x-docker-expose-session-uuid');
});
