import { closeSync } from 'node:fs';
import { join } from 'node:path';
import type { CallContext } from '@gantry/rpc';
import { openContainerRoot } from '../containers/container-root';
import type { Engine } from '../containers/engine';
import { isRunning, stateOf } from '../containers/state';
import { mountView } from './mount-view';

/** A pinned root file system. `close` must be called once. */
export interface PinnedRoot {
  /** O_PATH descriptor of the root directory. */
  readonly fd: number;
  close(): void;
}

/** The root for reading: of the running processes, or a view of the layers. */
export function rootForReading(engine: Engine, id: string): PinnedRoot {
  const { docker } = engine.records.requireDocker(id);
  return pinned(isRunning(docker) ? openContainerRoot(stateOf(docker).pid) : mountView(viewsDir(engine), docker.rootfs, docker.mounts, false));
}

/** Runs fn with the root for writing; a stopped container cannot start or go meanwhile. */
export async function withWritableRoot<T>(engine: Engine, _ctx: CallContext, id: string, fn: (root: PinnedRoot) => Promise<T>): Promise<T> {
  const run = async (open: () => number): Promise<T> => {
    const root = pinned(open());
    try {
      return await fn(root);
    } finally {
      root.close();
    }
  };
  const { docker } = engine.records.requireDocker(id);
  if (isRunning(docker)) return run(() => openContainerRoot(stateOf(docker).pid));
  return engine.queues.run(id, () => {
    const { docker: now } = engine.records.requireDocker(id);
    return run(() => (isRunning(now) ? openContainerRoot(stateOf(now).pid) : mountView(viewsDir(engine), now.rootfs, now.mounts, true)));
  });
}

export function viewsDir(engine: Engine): string {
  return join(engine.settings.runRoot, 'tasks', 'views');
}

function pinned(fd: number): PinnedRoot {
  let open = true;
  return {
    fd,
    close() {
      if (open) closeSync(fd);
      open = false;
    },
  };
}
