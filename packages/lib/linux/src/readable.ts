import { F } from './constants';
import { syscalls } from './linux-syscalls';

const SIGURG = 23;
const O_ASYNC = 0o20000;

/**
 * Calls back when something comes in on a descriptor that Node cannot wait for by itself (a netlink socket): the kernel sends a signal, which is ignored where nobody
 * listens and costs no thread. Several arrivals may be told once: read until there is nothing left. Answers what ends it; the descriptor stays the caller's.
 */
export function onReadable(fd: number, tell: () => void): () => void {
  process.on('SIGURG', tell);
  syscalls.fcntl(fd, F.SETOWN, process.pid);
  syscalls.fcntl(fd, F.SETSIG, SIGURG);
  syscalls.fcntl(fd, F.SETFL, syscalls.fcntl(fd, F.GETFL, 0) | O_ASYNC);
  return () => {
    process.off('SIGURG', tell);
  };
}
