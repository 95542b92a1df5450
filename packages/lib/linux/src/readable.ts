import { signalReads } from './first-reads';

/**
 * Calls back when something comes in on a descriptor that Node cannot wait for by itself (a netlink socket): the kernel sends a signal, which is ignored where nobody
 * listens and costs no thread. Several arrivals may be told once: read until there is nothing left. Answers what ends it; the descriptor stays the caller's.
 */
export function onReadable(fd: number, tell: () => void): () => void {
  process.on('SIGURG', tell);
  signalReads(fd);
  return () => {
    process.off('SIGURG', tell);
  };
}
