import { unpackAny } from '@gantry/api';
import { TaskPaused, TaskResumed } from '@gantry/api/containerd/events/events';
import { Status } from '@gantry/api/containerd/v1/types/task';
import { isErrorOf, newContext } from '@gantry/rpc';
import { moveTo, Phase, phaseOf } from '../../core/phases';
import type { TaskEvent } from '../../core/tasks';
import { emitContainerEvent, type Engine } from '../engine';

/**
 * A task of docker's was paused or resumed. When docker did it, its view says so by the time this takes its turn in the container's
 * queue, and nothing is left to do; when a client of containerd's face did, docker's view follows.
 */
export function followPause(engine: Engine, event: TaskEvent): void {
  const id = (unpackAny(event.event, TaskPaused) ?? unpackAny(event.event, TaskResumed))?.containerId;
  if (id === undefined) return;
  void engine.queues
    .run(id, () => follow(engine, id))
    .catch((error: unknown) => {
      engine.logger.warn({ err: error, container: id }, 'following a pause failed');
    });
}

async function follow(engine: Engine, id: string): Promise<void> {
  const before = engine.records.getDocker(id);
  if (before === undefined || !pausable(phaseOf(before.docker))) return;
  const ctx = newContext({ namespace: engine.records.dockerNamespace, logger: engine.logger });
  const state = await engine.tasks.state(ctx, { id }).catch((error: unknown) => {
    if (isErrorOf(error, 'notFound')) return undefined; // it ended meanwhile
    throw error;
  });
  const wanted = state?.status === Status.PAUSED ? Phase.PHASE_PAUSED : state?.status === Status.RUNNING ? Phase.PHASE_RUNNING : undefined;
  const record = engine.records.getDocker(id);
  if (record === undefined || wanted === undefined) return;
  const phase = phaseOf(record.docker);
  if (!pausable(phase) || phase === wanted) return;
  engine.records.updateDocker(id, (docker) => moveTo(docker, wanted));
  emitContainerEvent(engine, id, record.docker, wanted === Phase.PHASE_PAUSED ? 'pause' : 'unpause');
}

/** Phases in which a pause can be seen at all. */
function pausable(phase: Phase): boolean {
  return phase === Phase.PHASE_RUNNING || phase === Phase.PHASE_PAUSED;
}
