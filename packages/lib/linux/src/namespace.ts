import { closeSync, openSync } from 'node:fs';
import { CLONE } from './constants';
import { syscalls } from './linux-syscalls';

/** A namespace: the path of its file (/proc/<pid>/ns/net, a bind mount) or an open descriptor of it. */
export type NamespaceHandle = string | number;

/**
 * Runs synchronous work inside another network namespace and comes back. The work must not await, spawn or touch anything but the namespace
 * (sockets, /proc/thread-self/net): what it opens stays in that namespace. About 30 us.
 */
export function inNetworkNamespace<T>(namespace: NamespaceHandle, work: () => T): T {
  const target = typeof namespace === 'number' ? namespace : openSync(namespace, 'r');
  try {
    const home = openSync('/proc/thread-self/ns/net', 'r');
    try {
      syscalls.setns(target, CLONE.NEWNET);
      try {
        const result = work();
        if (result instanceof Promise) throw new TypeError('work inside a network namespace must be synchronous');
        return result;
      } finally {
        comeHome(home);
      }
    } finally {
      closeSync(home);
    }
  } finally {
    if (typeof namespace === 'string') closeSync(target);
  }
}

/** A thread that stayed in a foreign namespace would do the host's work there: better no process than that. */
function comeHome(home: number): void {
  try {
    syscalls.setns(home, CLONE.NEWNET);
  } catch (error) {
    process.stderr.write(`cannot return from a network namespace: ${String(error)}\n`);
    process.abort();
  }
}
