import { AF, MSG, SOCK } from './constants';
import { syscalls } from './linux-syscalls';
import { unixAddress } from './socket-address';

/** Sends one datagram to a unix datagram socket: a path, or @name for an abstract one. Never waits: EAGAIN when its queue is full. */
export function sendDatagram(path: string, data: Uint8Array): void {
  const fd = syscalls.socket(AF.UNIX, SOCK.DGRAM, 0);
  try {
    syscalls.sendto(fd, data, MSG.NOSIGNAL | MSG.DONTWAIT, unixAddress(path));
  } finally {
    syscalls.close(fd);
  }
}
