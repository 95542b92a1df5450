import { constants } from 'node:os';
import { type CallContext, ignore, isErrorOf, withDeadline } from '@gantry/rpc';
import type { Core } from '../core';
import { patiently } from '../patience';
import { isRunning } from '../phases';
import { bundleDir } from '../places';
import { removeBundle } from '../start/bundle';

/** Milliseconds that a killed process may take to be gone. */
const KILL_MS = 15_000;

type Needs = Pick<Core, 'face' | 'settings'> & { readonly tasks: Pick<Core['tasks'], 'delete' | 'kill' | 'wait'> };

/** Kills a task in whatever state it is, waits for its end and deletes it. A missing task is fine. */
export async function stopTask(core: Needs, ctx: CallContext, id: string): Promise<void> {
  try {
    await deleteTask(core, ctx, id);
  } catch (error) {
    if (!isErrorOf(error, 'failedPrecondition', 'conflict')) throw error;
    await core.tasks.kill(ctx, { id, signal: constants.signals.SIGKILL, all: true }).catch(ignore('notFound', 'failedPrecondition'));
    await core.tasks.wait(withDeadline(ctx, KILL_MS), { id }).catch(ignore('notFound', 'failedPrecondition'));
    await deleteTask(core, ctx, id);
  }
}

/** Deletes an ended task and its bundle. A missing task is fine; one that still runs is failedPrecondition. */
export async function deleteTask(core: Needs, ctx: CallContext, id: string): Promise<void> {
  await core.tasks.delete(ctx, { id }).catch(ignore('notFound'));
  removeBundle(bundleDir(core, id));
  await core.face.taskGone(id);
}

/**
 * Takes the task of a container that does not run away, in its queue: what fails is tried again until it succeeds, or the container runs once more. Never
 * throws.
 */
export async function takeAway(core: Pick<Core, 'face' | 'logger' | 'persistence'>, id: string, end: () => Promise<void>): Promise<void> {
  await patiently(end).catch((error: unknown) => {
    core.logger.warn({ err: error, container: id }, 'an ended task could not be deleted');
    core.persistence.until(id, 'deleting an ended task', async () => {
      const container = core.face.get(id);
      if (container !== undefined && !isRunning(container)) await end();
    });
  });
}
