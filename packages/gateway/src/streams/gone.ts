import type { Socket } from 'node:net';

/** Between two looks at a client that has half-closed, milliseconds. */
const PROBE_MS = 2000;
const KEEPALIVE_MS = 15_000;
const nothing = Buffer.alloc(0);

/**
 * Closes a hijacked connection when its client is gone. "No more input" and a full close look alike to a reader, and a client without input
 * says the first at once; so when input has ended, a write of no bytes asks the kernel: on a unix socket it fails with EPIPE only if nobody is
 * left to read. TCP has keepalive for that.
 */
export function closeWhenGone(socket: Socket): void {
  socket.on('error', () => undefined); // 'close' follows
  if (socket.remoteAddress !== undefined) {
    socket.setKeepAlive(true, KEEPALIVE_MS);
    return;
  }
  let timer: NodeJS.Timeout | undefined;
  const probe = (): void => {
    if (socket.destroyed || socket.writableEnded) return;
    if (socket.writableLength === 0) socket.write(nothing);
    timer = setTimeout(probe, PROBE_MS);
    timer.unref();
  };
  socket.once('close', () => clearTimeout(timer));
  if (socket.readableEnded) probe();
  else socket.once('end', probe);
}
