import type { PauseRequest, PauseResponse, UnpauseRequest, UnpauseResponse } from '@gantry/api/gantry/engine/v1/containers';
import { type CallContext, conflict, internal } from '@gantry/rpc';
import { moveTo, Phase, phaseOf } from '../../core/phases';
import { emitContainerEvent, inDockerNamespace, type Uses } from '../engine';

type Needs = Uses<{
  records: 'dockerNamespace' | 'requireDocker' | 'transaction' | 'updateDocker';
  tasks: 'pause' | 'resume';
  events: 'emit';
  queues: 'run';
}>;

export async function pauseContainer(engine: Needs, caller: CallContext, request: PauseRequest): Promise<PauseResponse> {
  const ctx = inDockerNamespace(engine, caller);
  const { id } = engine.records.requireDocker(request.id);
  await engine.queues.run(id, async () => {
    const { docker } = engine.records.requireDocker(id);
    const phase = phaseOf(docker);
    if (phase === Phase.PHASE_PAUSED) throw conflict(`Container ${id} is already paused`);
    if (phase === Phase.PHASE_RESTARTING) throw conflict(`Container ${id} is restarting, wait until the container is running`);
    if (phase !== Phase.PHASE_RUNNING) throw conflict(`container ${id} is not running`);
    await engine.tasks.pause(ctx, { id });
    engine.records.transaction(() => {
      changeIf(engine, id, Phase.PHASE_RUNNING, Phase.PHASE_PAUSED);
      emitContainerEvent(engine, id, docker, 'pause');
    });
  });
  return {};
}

export async function unpauseContainer(engine: Needs, caller: CallContext, request: UnpauseRequest): Promise<UnpauseResponse> {
  const ctx = inDockerNamespace(engine, caller);
  const { id } = engine.records.requireDocker(request.id);
  await engine.queues.run(id, async () => {
    const { docker } = engine.records.requireDocker(id);
    if (phaseOf(docker) !== Phase.PHASE_PAUSED) throw internal(`Container ${id} is not paused`);
    await engine.tasks.resume(ctx, { id });
    engine.records.transaction(() => {
      changeIf(engine, id, Phase.PHASE_PAUSED, Phase.PHASE_RUNNING);
      emitContainerEvent(engine, id, docker, 'unpause');
    });
  });
  return {};
}

/** The container may have ended while the shim answered: then its end stands. */
function changeIf(engine: Needs, id: string, from: Phase, to: Phase): void {
  engine.records.updateDocker(id, (docker) => (phaseOf(docker) === from ? moveTo(docker, to) : docker));
}
