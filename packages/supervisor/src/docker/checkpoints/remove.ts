import { rm } from 'node:fs/promises';
import type { CheckpointRemoveRequest, CheckpointRemoveResponse } from '@gantry/api/gantry/engine/v1/containers';
import type { CallContext } from '@gantry/rpc';
import type { Uses } from '../engine';
import { checkpointsOf, findCheckpoint } from './places';

/** DELETE /containers/{id}/checkpoints/{checkpoint}. */
export async function removeCheckpoint(
  engine: Uses<{ settings: 'dataRoot'; records: 'requireDocker'; queues: 'run'; looks: 'look' }>,
  _ctx: CallContext,
  request: CheckpointRemoveRequest,
): Promise<CheckpointRemoveResponse> {
  const { id } = engine.records.requireDocker(request.id);
  // not while a start reads it
  await engine.queues.run(id, async () => {
    const folder = await checkpointsOf(engine, id, request.directory);
    await rm(await findCheckpoint(folder, request.checkpoint, request.id), { recursive: true });
  });
  return {};
}
