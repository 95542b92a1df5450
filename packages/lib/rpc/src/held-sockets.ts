import { invalidArgument } from './errors';

/** A listening socket that somebody else made and keeps (systemd, the launcher): its address is a path, or HOST:PORT. */
export interface HeldSocket {
  readonly address: string;
  readonly fd: number;
  /** Made by this process for itself, ahead of its server: the name goes with the server. */
  readonly goes?: boolean;
}

/** What this process was handed and nobody serves yet, by address. Descriptors belong to the process, and so does this. */
const waiting = new Map<string, number>();
/** Paths whose sockets outlive this process: their names are not ours to take away. */
const kept = new Set<string>();

/** Tells what the process was handed; before anything listens. Calls that were made meanwhile wait in these sockets. */
export function adoptSockets(sockets: Iterable<HeldSocket>): void {
  for (const { address, fd, goes = false } of sockets) {
    if (waiting.has(address)) throw invalidArgument(`two sockets that were handed over listen on ${address}`);
    waiting.set(address, fd);
    if (address.startsWith('/') && !goes) kept.add(address);
  }
}

/** The socket to serve an address with, if it was handed over. Each is given once: closing the server closes it. */
export function takeHeldSocket(address: string): number | undefined {
  const fd = waiting.get(address);
  waiting.delete(address);
  return fd;
}

/** All that nobody has asked for by its address. */
export function takeHeldSockets(): HeldSocket[] {
  const rest = [...waiting].map(([address, fd]) => ({ address, fd }));
  waiting.clear();
  return rest;
}

/** Whether the name of a socket stays when its server stops, because its holder goes on listening. */
export const isKept = (path: string): boolean => kept.has(path);
