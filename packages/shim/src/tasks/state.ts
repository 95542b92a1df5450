import type { StateResponse } from '@gantry/api/containerd/task/v3/shim';
import { Status } from '@gantry/api/containerd/v1/types/task';
import type { TaskParts } from './engine';
import { exitedAt } from './watch';

const statuses = { created: Status.CREATED, running: Status.RUNNING, stopped: Status.STOPPED } as const;

/** What a process is now. */
export function processState(engine: TaskParts, namespace: string, id: string, execId: string): StateResponse {
  const task = engine.registry.get(namespace, id);
  const exec = execId === '' ? undefined : engine.registry.exec(namespace, id, execId);
  const process = exec?.process ?? task.init;
  const stdio = exec?.record.stdio ?? task.record.stdio;
  // An exec process whose start failed is there as it was added, until it is deleted.
  const status = exec !== undefined && !process.ran ? 'created' : process.status;
  const exit = status === 'stopped' ? process.exitState : undefined;
  return {
    id,
    execId,
    bundle: task.record.bundle,
    pid: process.pid,
    status: exec === undefined && task.paused && process.status === 'running' ? Status.PAUSED : statuses[status],
    ...stdio,
    exitStatus: exit?.exit_code ?? 0,
    exitedAt: exit === undefined ? undefined : exitedAt(exit),
  };
}
