import { createServer, type Server } from 'node:net';
import { deadlineExceeded } from '@gantry/rpc/errors';

const AGAIN_MS = 10;

/** Waits for an abstract socket's name: one process has it, and it is free as soon as that process ended, however it did. */
export async function takeLock(name: string, timeoutMs: number): Promise<Server> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const server = await listen(name);
    if (server !== undefined) return server;
    if (Date.now() > end) throw deadlineExceeded(`${name.slice(1)} was held by another process for ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
}

function listen(name: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error)));
    server.listen(name, () => resolve(server));
  });
}
