import type { TaskStats } from '@gantry/api/gantry/shim/v1/shim';
import type { Any } from '@gantry/api/google/protobuf/any';
import { failedPrecondition } from '@gantry/rpc';
import type { CgroupPlan } from '@gantry/runtime';
import { metricsV1 } from '../stats/v1';
import { metricsV2 } from '../stats/v2';
import type { TaskParts } from './engine';
import { driverTask, type Task } from './task';

/** The cgroup metrics of a task, in the form of the hierarchy that holds its memory controller. */
export async function taskStats(engine: TaskParts, namespace: string, id: string): Promise<Any> {
  const task = engine.registry.get(namespace, id);
  if (task.driver.stats !== undefined) return task.driver.stats(driverTask(task));
  const { cgroup } = task.record;
  if (cgroup === undefined) throw failedPrecondition(`the runtime of task ${id} does not tell its cgroup`);
  return metricsOf(engine, task, cgroup);
}

/** Of many tasks, those whose cgroups we know: nobody else is asked, so that none holds up the others. */
export function collectStats(engine: TaskParts, namespace: string, ids: readonly string[]): TaskStats[] {
  return ids.flatMap((id) => {
    const task = engine.registry.find(namespace, id);
    const cgroup = task?.record.cgroup;
    if (task === undefined || task.driver.stats !== undefined || cgroup === undefined) return [];
    return [{ id, stats: metricsOf(engine, task, cgroup) }];
  });
}

function metricsOf({ meters }: Pick<TaskParts, 'meters'>, task: Task, cgroup: CgroupPlan): Any {
  const stats = meters.stats(task, cgroup);
  return cgroup.mode === 'v2' ? metricsV2(stats) : metricsV1(stats);
}
