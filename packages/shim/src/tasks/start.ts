import { failedPrecondition, isGantryError } from '@gantry/rpc';
import type { RuntimeVerb } from '../drivers/driver';
import type { TaskParts } from './engine';
import type { Task } from './task';

/** Lets a created task, or an added exec process, run; answers its pid. */
export async function startProcess(engine: TaskParts, namespace: string, id: string, execId: string): Promise<number> {
  const task = engine.registry.get(namespace, id);
  const exec = execId === '' ? undefined : engine.registry.exec(namespace, id, execId);
  const process = exec?.process ?? task.init;
  if (exec !== undefined && task.init.status === 'stopped') throw failedPrecondition(`task ${id} is stopped`);
  if (exec !== undefined) task.starting.add(execId);
  try {
    return await process.start();
  } catch (error) {
    if (!isGantryError(error)) throw error;
    const program = exec === undefined ? task.spec.process?.args?.[0] : exec.record.program;
    throw await task.driver.explain({ dir: exec?.dir ?? task.dir, verb: verbOf(task, execId), program }, error);
  } finally {
    task.starting.delete(execId);
  }
}

/** A restored task is made at its start. */
function verbOf({ record }: Task, execId: string): RuntimeVerb {
  if (execId !== '') return 'exec';
  return record.checkpoint === undefined ? 'start' : 'restore';
}
