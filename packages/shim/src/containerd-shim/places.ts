import { createHash } from 'node:crypto';
import { join } from 'node:path';

/** Everything of the shims of all containerds on this host; gone when the last task of each is. */
export const ROOT = '/run/gantry-shim';

/** Where the shim of one containerd lives: one process for all of its tasks. */
export interface Places {
  readonly run: string;
  /** For `start` and `delete`. */
  readonly control: string;
  readonly log: string;
  /** Names of abstract sockets, each held by one process at a time: who starts the shim, and the shim itself. They go with their holder. */
  readonly startLock: string;
  readonly liveLock: string;
}

export interface NamespaceSockets {
  /** Task v2 and v3 over ttrpc. */
  readonly ttrpc: string;
  /** The same over gRPC. */
  readonly grpc: string;
}

/** containerd does not say in its calls to a shim which namespace it means, so each namespace has sockets of its own. */
export function namespaceSockets(places: Places, namespace: string): NamespaceSockets {
  const name = createHash('sha256').update(namespace).digest('hex').slice(0, 8);
  return { ttrpc: join(places.run, `${name}.ttrpc`), grpc: join(places.run, `${name}.grpc`) };
}

/** @param address the containerd's, as it tells it: another socket is another containerd */
export function placesOf(address: string): Places {
  const name = createHash('sha256').update(address).digest('hex').slice(0, 16);
  const run = join(ROOT, name);
  return {
    run,
    control: join(run, 'control'),
    log: join(run, 'shim.log'),
    startLock: `\0gantry-shim-start-${name}`,
    liveLock: `\0gantry-shim-live-${name}`,
  };
}
