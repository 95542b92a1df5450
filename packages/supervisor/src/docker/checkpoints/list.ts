import { readdir } from 'node:fs/promises';
import type { CheckpointListRequest, CheckpointListResponse } from '@gantry/api/gantry/engine/v1/containers';
import { hasCode } from '@gantry/linux';
import { type CallContext, GantryError } from '@gantry/rpc';
import type { Uses } from '../engine';
import { checkpointsOf } from './places';

/** GET /containers/{id}/checkpoints. A folder of the host's that is not there is told as dockerd tells it: of a checkpoint without a name. */
export async function listCheckpoints(
  engine: Uses<{ settings: 'dataRoot'; records: 'requireDocker'; looks: 'look' }>,
  _ctx: CallContext,
  request: CheckpointListRequest,
): Promise<CheckpointListResponse> {
  const { id } = engine.records.requireDocker(request.id);
  const folder = await checkpointsOf(engine, id, request.directory);
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return {
      checkpoints: entries
        .filter((entry) => entry.isDirectory())
        .map(({ name }) => name)
        .sort(),
    };
  } catch (error) {
    if (hasCode(error, 'ENOTDIR')) throw new GantryError('internal', `${folder} exists and is not a directory`, { cause: error });
    if (!hasCode(error, 'ENOENT')) throw error;
    if (request.directory === '') return { checkpoints: [] };
    throw new GantryError('internal', `checkpoint  does not exist for container ${request.id}`, { cause: error });
  }
}
