import { AF, hasCode, MSG, SOCK, syscalls, unixAddress } from '@gantry/linux';
import { pause, unavailable } from '@gantry/rpc';
import { dialFailed, systemText, type Wire } from './wire';

/** Milliseconds until a full queue is tried again. */
const FULL_MS = 5;

/** Datagrams to a unix socket, which Node has not. What its reader has no room for waits here. Throws when nobody has that socket. */
export function unixDatagramWire(path: string, oversized?: (fd: number, buffer: Buffer) => Promise<void>): Wire {
  const address = unixAddress(path);
  const fd = syscalls.socket(AF.UNIX, SOCK.DGRAM | SOCK.CLOEXEC | SOCK.NONBLOCK, 0);
  try {
    syscalls.connect(fd, address);
  } catch (error) {
    syscalls.close(fd);
    throw dialFailed('unixgram', path, error);
  }
  const deliver = async (buffer: Buffer, signal: AbortSignal): Promise<void> => {
    for (;;) {
      signal.throwIfAborted();
      try {
        syscalls.sendto(fd, buffer, MSG.NOSIGNAL | MSG.DONTWAIT, address);
        return;
      } catch (error) {
        if (hasCode(error, 'EMSGSIZE') && oversized !== undefined) return oversized(fd, buffer);
        if (!hasCode(error, 'EAGAIN') && !hasCode(error, 'ENOBUFS'))
          throw unavailable(`write unixgram ${path}: ${systemText(error)}`, { cause: error });
      }
      await pause(FULL_MS);
    }
  };
  return {
    lost: new Promise<never>(() => undefined),
    async write(buffers, signal) {
      for (const buffer of buffers) await deliver(buffer, signal);
    },
    close: () => {
      syscalls.close(fd);
      return Promise.resolve();
    },
  };
}
