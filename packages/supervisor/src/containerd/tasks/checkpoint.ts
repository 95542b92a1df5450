import { unpackAny } from '@gantry/api';
import { CheckpointOptions } from '@gantry/api/containerd/runc/v1/runc';
import type { CheckpointTaskRequest, CheckpointTaskResponse } from '@gantry/api/containerd/services/tasks/v1/tasks';
import { type CallContext, invalidArgument, notFound, notImplemented } from '@gantry/rpc';
import type { Records } from '../../core/records';
import type { Tasks } from '../../core/tasks';
import type { CheckpointImages } from './checkpoint-images';

export interface CheckpointTaskNeeds {
  readonly tasks: Pick<Tasks, 'checkpoint' | 'state'>;
  readonly records: Pick<Records, 'get'>;
  readonly checkpoints: CheckpointImages;
}

/**
 * Writes a task to the directory that its options name (`ctr tasks checkpoint --image-path`); without one to the content store, with the specification
 * beside it, from which the client makes an image.
 */
export async function checkpointTask(
  needs: CheckpointTaskNeeds,
  ctx: CallContext,
  request: CheckpointTaskRequest,
): Promise<CheckpointTaskResponse> {
  const { containerId: id, parentCheckpoint, options } = request;
  if (parentCheckpoint !== '')
    throw notImplemented(`task ${id}: parent checkpoint "${parentCheckpoint}" is not supported: not implemented`);
  const given = unpackAny(options, CheckpointOptions);
  if (options !== undefined && options.typeUrl !== '' && given === undefined)
    throw invalidArgument(`checkpoint options of type "${options.typeUrl}" are not known: invalid argument`);
  const write = (path: string): Promise<void> => needs.tasks.checkpoint(ctx, { id, path, options });
  if (given !== undefined && given.imagePath !== '') {
    await write(given.imagePath);
    return { descriptors: [] };
  }
  await needs.tasks.state(ctx, { id }); // before anything is made
  const spec = needs.records.get(ctx.namespace, id)?.spec;
  if (spec === undefined) throw notFound(`container "${id}" in namespace "${ctx.namespace}" has no specification: not found`);
  return { descriptors: await needs.checkpoints.save(ctx, spec, write) };
}
