import { Status } from '@gantry/api/containerd/v1/types/task';
import { type CallContext, detached, ignore, isErrorOf } from '@gantry/rpc';
import { type JournalEntry, untilEnded } from '../../core/journal';
import { patiently } from '../../core/patience';
import { moveTo, Phase, phaseOf } from '../../core/phases';
import { emitContainerEvent, type Engine, type Uses } from '../engine';
import type { DockerContainer } from '../records';

export type FreezeNeeds = Uses<{
  records: 'getDocker' | 'transaction' | 'updateDocker';
  tasks: true;
  events: 'emit';
  journal: 'begin' | 'end' | 'open';
  persistence: 'until';
}>;

/** The journal's word for a container that is paused for as long as an operation takes. */
export const FREEZE = 'freeze';

/** Does work on a container that runs while nothing in it does, in its queue. It goes on afterwards, also when this process died, or its client went away. */
export async function whileFrozen<T>(
  engine: FreezeNeeds,
  caller: CallContext,
  id: string,
  docker: DockerContainer,
  work: () => Promise<T>,
): Promise<T> {
  const ctx = detached(caller);
  const entry = engine.journal.begin(FREEZE, id, {});
  try {
    if (await unlessEnded(engine, ctx, id, () => engine.tasks.pause(ctx, { id }))) emitContainerEvent(engine, id, docker, 'pause');
  } catch (error) {
    // What was refused was not done; of anything else nobody knows.
    if (isErrorOf(error, 'unavailable', 'deadlineExceeded')) thawLater(engine, ctx, entry);
    else engine.journal.end(entry, () => undefined, { durable: false });
    throw error;
  }
  try {
    return await work();
  } finally {
    await thaw(engine, ctx, entry).catch((error: unknown) => {
      thawLater(engine, ctx, entry);
      throw error;
    });
  }
}

/** It goes on as soon as it can be told to. */
export function thawLater(engine: FreezeNeeds, ctx: CallContext, entry: JournalEntry): void {
  untilEnded(engine, entry, 'resuming it', () => thaw(engine, ctx, entry));
}

/** In the container's queue: it goes on, if it was frozen and has not ended. */
async function thaw(engine: FreezeNeeds, ctx: CallContext, entry: JournalEntry): Promise<void> {
  const id = entry.subject;
  const state = await patiently(() => engine.tasks.state(ctx, { id }).catch(ignore('notFound')));
  const resumed =
    state?.status === Status.PAUSED && (await unlessEnded(engine, ctx, id, () => patiently(() => engine.tasks.resume(ctx, { id }))));
  engine.journal.end(
    entry,
    () => {
      const docker = engine.records.getDocker(id)?.docker;
      if (docker === undefined || !resumed) return;
      // A process that began in between has seen it paused.
      if (phaseOf(docker) === Phase.PHASE_PAUSED) engine.records.updateDocker(id, (current) => moveTo(current, Phase.PHASE_RUNNING));
      emitContainerEvent(engine, id, docker, 'unpause');
    },
    { durable: false },
  );
}

/** False when it failed because the task ended meanwhile: nothing writes any more, so there is nothing to freeze. */
async function unlessEnded(engine: Pick<Engine, 'tasks'>, ctx: CallContext, id: string, change: () => Promise<void>): Promise<boolean> {
  try {
    await change();
    return true;
  } catch (error) {
    const state = await engine.tasks.state(ctx, { id }).catch(ignore('notFound'));
    if (state !== undefined && state.status !== Status.STOPPED) throw error;
    return false;
  }
}
