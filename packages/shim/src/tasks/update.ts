import type { Any } from '@gantry/api/google/protobuf/any';
import { type LinuxResources, parseJson } from '@gantry/oci';
import { failedPrecondition, invalidArgument, notImplemented } from '@gantry/rpc';
import type { TaskParts } from './engine';
import { driverTask } from './task';

/** Changes the limits that are set in an OCI LinuxResources (JSON in an Any). */
export async function updateTask(
  engine: TaskParts,
  namespace: string,
  id: string,
  change: { resources: Any | undefined; annotations: Readonly<Record<string, string>> },
): Promise<void> {
  const task = engine.registry.get(namespace, id);
  if (task.init.status === 'stopped') throw failedPrecondition(`task ${id} is stopped`);
  if (Object.keys(change.annotations).length > 0) throw notImplemented(`annotations of task ${id} cannot be changed`);
  if (change.resources === undefined) throw invalidArgument(`update of task ${id} names no resources`);
  let resources: LinuxResources;
  try {
    resources = parseJson(Buffer.from(change.resources.value).toString('utf8')) as LinuxResources;
  } catch (error) {
    throw invalidArgument(`resources of task ${id} are not JSON`, { cause: error });
  }
  await task.driver.update(driverTask(task), resources);
}
