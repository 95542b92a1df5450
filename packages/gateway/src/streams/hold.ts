import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { syscalls } from '@gantry/linux';

/** ioctl(2) SIOCOUTQ: on a unix socket, what the other side has not read yet. */
const SIOCOUTQ = 0x5411;
/** Between two looks, and the longest wait unless another is given, milliseconds. */
const LOOK_MS = 1;
const MOST_MS = 1000;

const holding = new WeakMap<Duplex, Promise<void>>();

/**
 * Keeps what is written to a hijacked unix socket back until the client has read the answer's head. A client whose HTTP reader is buffered (Python's) loses what
 * it reads together with the head; dockerd is slow enough that nobody notices, a process that writes within a millisecond is not. TCP does not tell
 * what its other side has read: nothing is held there.
 */
export function holdUntilTaken(socket: Socket, mostMs = MOST_MS): void {
  const fd = (socket as { _handle?: { fd?: number } })._handle?.fd;
  if (fd === undefined || fd < 0 || socket.remoteAddress !== undefined) return;
  const until = performance.now() + mostMs;
  const taken = Promise.withResolvers<void>();
  holding.set(socket, taken.promise);
  socket.cork();
  const look = (): void => {
    if (!socket.destroyed && performance.now() < until && unread(fd) > 0) {
      setTimeout(look, LOOK_MS);
      return;
    }
    holding.delete(socket);
    socket.uncork();
    taken.resolve();
  };
  look();
}

/** Resolves when a connection is held back no more; undefined when it is not. Its end must wait: an end lets go of everything at once. */
export function whenTaken(client: Duplex): Promise<void> | undefined {
  return holding.get(client);
}

/** Only to be called while the socket is not destroyed: its descriptor is its own. */
function unread(fd: number): number {
  const count = Buffer.alloc(4);
  try {
    syscalls.ioctl(fd, SIOCOUTQ, count);
  } catch {
    return 0;
  }
  return count.readInt32LE();
}
