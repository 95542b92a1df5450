import { packAny } from '@gantry/api';
import { ProcessDetails } from '@gantry/api/containerd/runc/v1/runc';
import type { ProcessInfo } from '@gantry/api/containerd/v1/types/task';
import type { TaskParts } from './engine';
import { driverTask } from './task';

/** Every process of the task; exec processes carry their id. */
export async function taskPids(engine: TaskParts, namespace: string, id: string): Promise<ProcessInfo[]> {
  const task = engine.registry.get(namespace, id);
  if (task.init.status === 'stopped') return [];
  const execs = new Map([...task.execs.values()].map((exec) => [exec.process.pid, exec.record.execId]));
  const { cgroup } = task.record;
  const told = await task.driver.pids?.(driverTask(task));
  const pids =
    told ?? (cgroup === undefined ? [task.init.pid, ...execs.keys()].filter((pid) => pid > 0) : await engine.cgroups.pids(cgroup));
  return pids.map((pid) => {
    const execId = execs.get(pid);
    return { pid, info: execId === undefined ? undefined : packAny(ProcessDetails, { execId }) };
  });
}
