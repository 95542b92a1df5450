import { isAbsolute } from 'node:path';
import { anyTypeName, unpackAny } from '@gantry/api';
import { TaskCheckpointed } from '@gantry/api/containerd/events/events';
import { CheckpointOptions } from '@gantry/api/containerd/runc/v1/runc';
import type { Any } from '@gantry/api/google/protobuf/any';
import { failedPrecondition, invalidArgument } from '@gantry/rpc';
import { startTimeOf } from '../monitor/state-files';
import type { TaskParts } from './engine';
import { driverTask } from './task';

/** Writes a running task to files; it ends unless the options leave it running (they do by default, as runc's shim has it). Whoever leaves does not want it any more. */
export async function checkpointTask(
  engine: TaskParts,
  namespace: string,
  request: { id: string; path: string; options: Any | undefined; signal: AbortSignal },
): Promise<void> {
  const { id, path } = request;
  const task = engine.registry.get(namespace, id);
  if (task.init.status !== 'running') throw failedPrecondition(`task ${id} is ${task.init.status}, not running`);
  if (path !== '' && !isAbsolute(path)) throw invalidArgument(`checkpoint path "${path}" of task ${id} is not absolute`);
  const given =
    request.options === undefined || request.options.typeUrl === ''
      ? CheckpointOptions.fromPartial({})
      : unpackAny(request.options, CheckpointOptions);
  if (given === undefined) throw invalidArgument(`checkpoint options of type ${anyTypeName(request.options as Any)} are not known`);
  const { pid } = task.init;
  const startTime = startTimeOf(pid);
  if (startTime === undefined) throw failedPrecondition(`task ${id} is not running`);
  await task.driver.checkpoint(driverTask(task), path, given, { pid, startTime: BigInt(startTime) }, request.signal);
  engine.publisher.publish(namespace, '/tasks/checkpointed', TaskCheckpointed, { containerId: id, checkpoint: path });
}
