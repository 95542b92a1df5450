import { invalidArgument, notFound } from '@gantry/rpc';
import type { TaskParts } from './engine';
import { driverTask } from './task';

const SIGNAL_MAX = 64;

/** Sends a signal to init, to an exec process, or to all processes of the task. A process that has ended is notFound. */
export async function killProcess(
  engine: TaskParts,
  namespace: string,
  id: string,
  options: { execId: string; signal: number; all: boolean },
): Promise<void> {
  const { execId, signal, all } = options;
  if (!Number.isInteger(signal) || signal < 1 || signal > SIGNAL_MAX) throw invalidArgument(`signal ${signal} is not valid`);
  const task = engine.registry.get(namespace, id);
  if (execId !== '') return engine.registry.exec(namespace, id, execId).process.signal(signal);
  if (task.init.exitState !== undefined && !all) throw notFound(`task ${id} has ended`);
  await task.driver.kill(driverTask(task), signal, all, (one) => task.init.signal(one));
}
