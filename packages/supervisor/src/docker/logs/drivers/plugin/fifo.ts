import { once } from 'node:events';
import { constants, open } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { AT, hasCode, S, syscalls } from '@gantry/linux';
import { pause, unavailable } from '@gantry/rpc';
import { loss, systemText, type Wire } from '../wires/wire';

const openFile = promisify(open);
/** A reader that was told of the FIFO is waited for so long, looked for so often, milliseconds. */
const READER_MS = 10_000;
const LOOK_MS = 20;
/** What a close waits for until the reader has taken what was written. */
const CLOSE_MS = 2000;

/** Makes a FIFO in a folder that only root enters. */
export async function makeFifo(folder: string, name: string): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, name);
  syscalls.mknodat(AT.FDCWD, path, S.IFIFO | 0o600, { major: 0, minor: 0 });
  return path;
}

/** FIFOs whose names begin so: of processes that were killed. */
export async function staleFifos(folder: string, prefix: string): Promise<string[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  });
  return names.filter((name) => name.startsWith(prefix)).map((name) => join(folder, name));
}

/** Writes to a FIFO once somebody reads it. Errors: unavailable when nobody does. */
export async function fifoWire(path: string, signal: AbortSignal): Promise<Wire> {
  const socket = new Socket({ fd: await openWriter(path, signal), readable: false, writable: true });
  const { lost, lose } = loss();
  socket.on('error', (error) => lose(unavailable(`write ${path}: ${systemText(error)}`, { cause: error })));
  socket.on('close', () => lose(unavailable('the FIFO was closed')));
  return {
    lost,
    async write(buffers, abort) {
      const taken = new Promise<void>((resolve, reject) => {
        socket.write(Buffer.concat(buffers), (error) => (error ? reject(error) : resolve()));
      });
      taken.catch(() => undefined);
      const ended = Promise.withResolvers<never>();
      ended.promise.catch(() => undefined);
      const stop = (): void => ended.reject(abort.reason as Error);
      abort.addEventListener('abort', stop, { once: true });
      try {
        abort.throwIfAborted();
        await Promise.race([taken, lost, ended.promise]);
      } finally {
        abort.removeEventListener('abort', stop);
      }
    },
    async close() {
      if (!socket.destroyed) {
        const closed = once(socket, 'close', { signal: AbortSignal.timeout(CLOSE_MS) }).catch(() => undefined);
        socket.end();
        await closed;
        socket.destroy();
      }
      await rm(path, { force: true });
    },
  };
}

async function openWriter(path: string, signal: AbortSignal): Promise<number> {
  const limit = AbortSignal.timeout(READER_MS);
  for (;;) {
    try {
      return await openFile(path, constants.O_WRONLY | constants.O_NONBLOCK);
    } catch (error) {
      if (!hasCode(error, 'ENXIO')) throw error;
      signal.throwIfAborted();
      if (limit.aborted) throw unavailable(`nobody reads ${path}`);
    }
    await pause(LOOK_MS, { signal });
  }
}
