import { unpackAny } from '@gantry/api';
import { CheckpointOptions } from '@gantry/api/containerd/runc/v1/runc';
import type { CheckpointTaskRequest } from '@gantry/api/containerd/services/tasks/v1/tasks';
import { type CallContext, invalidArgument, notImplemented } from '@gantry/rpc';
import type { Tasks } from '../../core/tasks';

/** Writes a task to the directory that its options name (`ctr tasks checkpoint --image-path`). Checkpoints as images of the content store are refused. */
export async function checkpointTask(tasks: Pick<Tasks, 'checkpoint'>, ctx: CallContext, request: CheckpointTaskRequest): Promise<void> {
  const { containerId: id, parentCheckpoint, options } = request;
  if (parentCheckpoint !== '')
    throw notImplemented(`task ${id}: parent checkpoint "${parentCheckpoint}" is not supported: not implemented`);
  const given = unpackAny(options, CheckpointOptions);
  if (options !== undefined && options.typeUrl !== '' && given === undefined)
    throw invalidArgument(`checkpoint options of type "${options.typeUrl}" are not known: invalid argument`);
  if (given === undefined || given.imagePath === '')
    throw notImplemented(`task ${id}: a checkpoint as an image is not supported, only one in a directory (image path): not implemented`);
  await tasks.checkpoint(ctx, { id, path: given.imagePath, options });
}
