import { createConnection } from 'node:net';
import { GantryError, pause } from '@gantry/rpc';

/** What a plugin may take until it listens, and between two tries, milliseconds. */
const LISTEN_MS = 12_500;
const AGAIN_MS = 20;

/** Resolves once somebody answers at the socket. Errors, in dockerd's words: nobody did in time; the process has ended before. */
export async function answers(path: string, ended: Promise<unknown>): Promise<void> {
  const limit = AbortSignal.timeout(LISTEN_MS);
  const gone = new AbortController();
  void ended.then(
    () => gone.abort(),
    () => undefined,
  );
  for (;;) {
    try {
      return await dial(path);
    } catch (error) {
      const why = (error as NodeJS.ErrnoException).code === 'ECONNREFUSED' ? 'connection refused' : 'no such file or directory';
      if (gone.signal.aborted)
        throw new GantryError('internal', `dial unix ${path}: connect: ${why}: the plugin has ended`, { cause: error });
      if (limit.aborted) throw new GantryError('internal', `dial unix ${path}: connect: ${why}`, { cause: error });
    }
    await pause(AGAIN_MS, { signal: gone.signal });
  }
}

function dial(path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
  });
}
