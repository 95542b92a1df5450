import { TaskPaused, TaskResumed } from '@gantry/api/containerd/events/events';
import { failedPrecondition } from '@gantry/rpc';
import type { TaskParts } from './engine';
import { driverTask } from './task';

/** Freezes every process of a running task; a paused one stays so. */
export async function pauseTask(engine: TaskParts, namespace: string, id: string): Promise<void> {
  const task = engine.registry.get(namespace, id);
  if (task.init.status !== 'running') throw failedPrecondition(`task ${id} is ${task.init.status}, not running`);
  if (task.paused) return;
  await task.driver.pause(driverTask(task));
  task.paused = true;
  engine.publisher.publish(namespace, '/tasks/paused', TaskPaused, { containerId: id });
}

/** Thaws a paused task; one that is not paused is left alone. */
export async function resumeTask(engine: TaskParts, namespace: string, id: string): Promise<void> {
  const task = engine.registry.get(namespace, id);
  if (!task.paused) return;
  await task.driver.resume(driverTask(task));
  task.paused = false;
  engine.publisher.publish(namespace, '/tasks/resumed', TaskResumed, { containerId: id });
}
