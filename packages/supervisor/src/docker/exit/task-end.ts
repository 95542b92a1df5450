import { constants } from 'node:os';
import { type CallContext, isErrorOf, withTimeout } from '@gantry/rpc';
import { type Engine } from '../engine';
import { ignore } from '../../core/ignore';
import { releaseShm } from '../start/shm';
import { removeBundle } from '../start/start';

/** Milliseconds that a killed process may take to be gone. */
const KILL_MS = 15_000;

/** Kills a task in whatever state it is, waits for its end and deletes it. A missing task is fine. */
export async function stopTask(engine: Engine, ctx: CallContext, id: string): Promise<void> {
  try {
    await deleteTask(engine, ctx, id);
  } catch (error) {
    if (!isErrorOf(error, 'failedPrecondition', 'conflict')) throw error;
    await engine.tasks.kill(ctx, { id, signal: constants.signals.SIGKILL, all: true }).catch(ignore('notFound', 'failedPrecondition'));
    await engine.tasks.wait(withTimeout(ctx, KILL_MS), { id }).catch(ignore('notFound', 'failedPrecondition'));
    await deleteTask(engine, ctx, id);
  }
}

/** Deletes an ended task and its bundle. A missing task is fine; one that still runs is failedPrecondition. */
export async function deleteTask(engine: Engine, ctx: CallContext, id: string): Promise<void> {
  await engine.tasks.delete(ctx, { id }).catch(ignore('notFound'));
  await removeBundle(engine, id);
  if (engine.records.getDocker(id)?.docker.hostConfig?.IpcMode === 'shareable') await releaseShm(engine, id);
}
