import { rm } from 'node:fs/promises';
import { packAny } from '@gantry/api';
import { CheckpointOptions } from '@gantry/api/containerd/runc/v1/runc';
import type { CheckpointCreateRequest, CheckpointCreateResponse } from '@gantry/api/gantry/engine/v1/containers';
import { asGantryError, type CallContext, conflict, GantryError, prefixed } from '@gantry/rpc';
import { isRunning } from '../../core/phases';
import { emitContainerEvent, inDockerNamespace, type Uses } from '../engine';
import { checkName, checkpointsOf, makeCheckpoint } from './places';

type Needs = Uses<{
  settings: 'dataRoot';
  looks: 'look';
  records: 'dockerNamespace' | 'requireDocker';
  tasks: 'checkpoint';
  queues: 'run';
  events: 'emit';
}>;

/** POST /containers/{id}/checkpoints: its processes as criu writes them. They go on, or end with it; a failure leaves no folder. */
export async function createCheckpoint(
  engine: Needs,
  caller: CallContext,
  request: CheckpointCreateRequest,
): Promise<CheckpointCreateResponse> {
  checkName(request.checkpoint);
  const { id } = engine.records.requireDocker(request.id);
  // Not detached: a criu that hangs goes on for as long as somebody waits for it.
  const ctx = inDockerNamespace(engine, caller);
  await engine.queues.run(id, async () => {
    ctx.signal.throwIfAborted();
    const { docker } = engine.records.requireDocker(id);
    if (!isRunning(docker)) throw conflict(`container ${id} is not running`);
    const folder = await checkpointsOf(engine, id, request.directory);
    const path = await inWords(request.id, () => makeCheckpoint(folder, request.checkpoint, request.id));
    try {
      const options = packAny(CheckpointOptions, CheckpointOptions.fromPartial({ exit: request.exit }));
      await engine.tasks.checkpoint(ctx, { id, path, options });
    } catch (error) {
      await rm(path, { recursive: true, force: true, maxRetries: 10 }); // who writes there may be ending yet
      throw new GantryError('internal', `Cannot checkpoint container ${request.id}: ${asGantryError(error).message}`, { cause: error });
    }
    emitContainerEvent(engine, id, docker, 'checkpoint');
  });
  return {};
}

async function inWords<T>(name: string, make: () => Promise<T>): Promise<T> {
  try {
    return await make();
  } catch (error) {
    throw prefixed(error, `cannot checkpoint container ${name}`, 'internal');
  }
}
