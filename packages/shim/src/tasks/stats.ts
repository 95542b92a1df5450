import type { Any } from '@gantry/api/google/protobuf/any';
import { failedPrecondition } from '@gantry/rpc';
import { metricsV1 } from '../stats/v1';
import { metricsV2 } from '../stats/v2';
import type { TaskParts } from './engine';
import { driverTask } from './task';

/** The cgroup metrics of a task, in the form of the hierarchy that holds its memory controller. */
export async function taskStats(engine: TaskParts, namespace: string, id: string): Promise<Any> {
  const task = engine.registry.get(namespace, id);
  if (task.driver.stats !== undefined) return task.driver.stats(driverTask(task));
  const { cgroup } = task.record;
  if (cgroup === undefined) throw failedPrecondition(`the runtime of task ${id} does not tell its cgroup`);
  const stats = engine.meters.stats(task, cgroup);
  return cgroup.mode === 'v2' ? metricsV2(stats) : metricsV1(stats);
}
