import { unpackAny } from '@gantry/api';
import { TaskPaused, TaskResumed } from '@gantry/api/containerd/events/events';
import { Status } from '@gantry/api/containerd/v1/types/task';
import { isErrorOf, newContext } from '@gantry/rpc';
import type { Core } from '../core';
import { Phase, phaseOf } from '../phases';
import type { TaskEvent } from '../tasks';

type Needs = Pick<Core, 'face' | 'queues' | 'logger'> & { readonly tasks: Pick<Core['tasks'], 'state'> };

/**
 * A task was paused or resumed. When its face did it, the phase says so by the time this takes its turn in the container's queue, and
 * nothing is left to do; when another did (a client of containerd's face), the phase follows.
 */
export function followPause(core: Needs, event: TaskEvent): void {
  const id = (unpackAny(event.event, TaskPaused) ?? unpackAny(event.event, TaskResumed))?.containerId;
  if (id === undefined) return;
  void core.queues
    .run(id, () => follow(core, id))
    .catch((error: unknown) => {
      core.logger.warn({ err: error, container: id }, 'following a pause failed');
    });
}

async function follow(core: Needs, id: string): Promise<void> {
  const before = core.face.get(id);
  if (before === undefined || !pausable(phaseOf(before))) return;
  const ctx = newContext({ namespace: core.face.namespace, logger: core.logger });
  const state = await core.tasks.state(ctx, { id }).catch((error: unknown) => {
    if (isErrorOf(error, 'notFound')) return undefined; // it ended meanwhile
    throw error;
  });
  const wanted = state?.status === Status.PAUSED ? Phase.PHASE_PAUSED : state?.status === Status.RUNNING ? Phase.PHASE_RUNNING : undefined;
  const container = core.face.get(id);
  if (container === undefined || wanted === undefined) return;
  const phase = phaseOf(container);
  if (!pausable(phase) || phase === wanted) return;
  core.face.move(id, wanted);
  core.face.happened(id, wanted === Phase.PHASE_PAUSED ? 'pause' : 'unpause');
}

/** Phases in which a pause can be seen at all. */
function pausable(phase: Phase): boolean {
  return phase === Phase.PHASE_RUNNING || phase === Phase.PHASE_PAUSED;
}
