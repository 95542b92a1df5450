import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer as createNetServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, silentLogger } from '@gantry/rpc';
import { openStreamSession } from '../../../session/open';
import type { Session } from '../../../session/session';
import { RawFileSync } from '../transfer';

/** A session over a socket that gantry-native holds; its client answers DiffCopy. */
export async function heldSession(
  program: string,
  answer: (requests: AsyncIterable<Buffer>) => AsyncIterable<Buffer>,
): Promise<{ session: Session; close(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'held-'));
  const accepted = Promise.withResolvers<Socket>();
  const listener = createNetServer({ pauseOnConnect: true }, accepted.resolve).listen(join(folder, 's'));
  await once(listener, 'listening');
  const client = connect(join(folder, 's'));
  const server = createServer({ logger: silentLogger });
  server.addService(RawFileSync, { diffCopy: (_ctx, requests) => answer(requests) });
  server.serveStream(client);
  const about = { id: 's1', name: '', sharedKey: 'key', methods: [RawFileSync.diffCopy.path] };
  const session = openStreamSession(await accepted.promise, about, silentLogger, program);
  return {
    session,
    close: async () => {
      session.close();
      await session.closed;
      await server.stop(0);
      listener.close();
      await rm(folder, { recursive: true });
    },
  };
}
