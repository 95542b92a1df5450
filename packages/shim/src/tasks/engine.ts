import { join } from 'node:path';
import { type Logger, shortSocketPath } from '@gantry/rpc';
import type { Driver, DriverName } from '../drivers/driver';
import type { CgroupManager } from '@gantry/runtime';
import type { Publisher } from '../events/publisher';
import type { Helper } from '@gantry/native';
import type { RootfsMounter } from '../rootfs/rootfs';
import type { Meters } from '../stats/meters';
import type { TaskRegistry } from './registry';
import type { Task } from './task';

/** What the verbs share. */
export interface TaskParts {
  readonly run: string;
  readonly bootId: string;
  readonly helper: Helper;
  readonly drivers: Readonly<Record<DriverName, Driver>>;
  readonly cgroups: CgroupManager;
  readonly meters: Meters<Task>;
  readonly rootfs: RootfsMounter;
  readonly registry: TaskRegistry;
  readonly publisher: Publisher;
  readonly logger: Logger;
  /** See ShimConfig. */
  readonly clientTimeoutMs: number;
}

/** RUN/tasks/<namespace>/<id>. */
export const taskDir = (run: string, namespace: string, id: string): string => join(run, 'tasks', namespace, id);
export const execDir = (dir: string, execId: string): string => join(dir, 'execs', execId);
/** Where runtime binaries keep their state by default. */
export const runtimeRoot = (run: string): string => join(run, 'shim', 'runtimes');

export const socketPath = (run: string, namespace: string, id: string, execId = ''): string =>
  shortSocketPath(run, `task/${namespace}/${id}/${execId}`);
