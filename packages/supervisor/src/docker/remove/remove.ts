import type { RemoveRequest, RemoveResponse } from '@gantry/api/gantry/engine/v1/containers';
import { type CallContext, conflict, detached } from '@gantry/rpc';
import { releaseSandbox } from '../../core/exit/release';
import { stopTask } from '../../core/exit/task-end';
import { isRunning, Phase, phaseOf } from '../../core/phases';
import { remove as removeForGood } from '../../core/remove/remove';
import { removeLink } from '../connect/links';
import { type Engine, inDockerNamespace } from '../engine';
import { killAndWait } from '../stop/kill';

/** DELETE /containers/{id}. */
export async function removeContainer(engine: Engine, caller: CallContext, request: RemoveRequest): Promise<RemoveResponse> {
  return engine.once.once(caller, `remove ${request.id}`, async () => {
    if (request.link) {
      removeLink(engine, request.id);
      return {};
    }
    const { id } = engine.records.requireDocker(request.id);
    const ctx = detached(inDockerNamespace(engine, caller));
    if (request.force) await killAndWait(engine, ctx, id);
    await engine.queues.past(id, () => remove(engine, ctx, id, request));
    return {};
  });
}

async function remove(engine: Engine, ctx: CallContext, id: string, request: RemoveRequest): Promise<void> {
  const record = engine.records.getDocker(id);
  if (record === undefined) return; // it was one with --rm, and is gone with its end
  const { docker } = record;
  const phase = phaseOf(docker);
  if (isRunning(docker)) {
    if (!request.force) {
      const why =
        phase === Phase.PHASE_PAUSED ? 'paused and must be unpaused first' : 'running: stop the container before removing or force remove';
      throw conflict(`cannot remove container "${request.id}": container is ${why}`);
    }
    await stopTask(engine, ctx, id); // it was started again after the kill
  }
  if (phase === Phase.PHASE_RESTARTING && !request.force) {
    throw conflict(`cannot remove container "${request.id}": container is restarting: stop the container before removing or force remove`);
  }
  if (phase === Phase.PHASE_REMOVING) throw conflict(`removal of container ${docker.name} is already in progress`);
  engine.life.restarter.forget(id);
  if (isRunning(docker)) await releaseSandbox(engine, ctx, id, 'a removed container');
  await removeForGood(engine, ctx, id, { volumes: request.volumes });
}
