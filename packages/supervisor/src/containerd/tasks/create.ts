import type { Mount } from '@gantry/api/containerd/types/types';
import type { SnapshotsService } from '@gantry/api/containerd/services/snapshots/v1/snapshots';
import type { CreateTaskRequest, CreateTaskResponse } from '@gantry/api/containerd/services/tasks/v1/tasks';
import { type CallContext, failedPrecondition, isErrorOf, notFound, notImplemented, type ServiceClient } from '@gantry/rpc';
import { type ContainerdContainer, type Records, VIEW_EXTENSION } from '../../core/records';
import type { RuntimeTable } from '../../core/runtimes';
import type { Tasks } from '../../core/tasks';
import { checkIdentifier } from '../identifiers';
import { bundlePath, removeBundle, writeBundle } from './bundle';
import { createFailure } from './failures';
import { restorePath, taskOptions } from './runtime-options';

export interface TasksNeeds {
  readonly records: Pick<Records, 'get' | 'list'>;
  readonly tasks: Tasks;
  readonly snapshots: Pick<ServiceClient<typeof SnapshotsService>, 'mounts'>;
  readonly runtimes: RuntimeTable;
  readonly runRoot: string;
}

/** Makes the task of a container that a containerd client made: bundle, root file system, shim. Nothing is left of it when it fails. */
export async function createTask(needs: TasksNeeds, ctx: CallContext, request: CreateTaskRequest): Promise<CreateTaskResponse> {
  const id = request.containerId;
  checkIdentifier(id);
  const container = needs.records.get(ctx.namespace, id);
  if (container === undefined) throw notFound(`container "${id}" in namespace "${ctx.namespace}": not found`);
  if (Object.hasOwn(container.extensions, VIEW_EXTENSION)) {
    throw failedPrecondition(`container "${id}" is a docker container: its task is made by docker's start: failed precondition`);
  }
  if (request.checkpoint !== undefined)
    throw notImplemented(
      `task ${id}: a checkpoint that is an image (${request.checkpoint.digest}) is not supported, only one in a directory: not implemented`,
    );
  const given = request.options ?? container.runtime?.options;
  const options = taskOptions(needs.runtimes, request.runtimePath || (container.runtime?.name ?? ''), given);
  const rootfs = await rootMounts(needs, ctx, { container, asked: request.rootfs });

  const bundle = bundlePath(needs.runRoot, ctx.namespace, id);
  await clearStale(needs, ctx, { id, bundle });
  await writeBundle(bundle, container);
  try {
    const { stdin, stdout, stderr, terminal } = request;
    const { pid } = await needs.tasks.create(ctx, {
      id,
      bundle,
      rootfs,
      terminal,
      stdin,
      stdout,
      stderr,
      options,
      checkpoint: restorePath(given),
    });
    return { containerId: id, pid };
  } catch (error) {
    await removeBundle(bundle);
    throw createFailure(error, id);
  }
}

/** The mounts that the client names, else those of the container's snapshot; none for a root file system that is a plain directory. */
async function rootMounts(needs: TasksNeeds, ctx: CallContext, root: { container: ContainerdContainer; asked: Mount[] }): Promise<Mount[]> {
  const { snapshotter, snapshotKey } = root.container;
  if (root.asked.length > 0 || snapshotKey === '') return root.asked;
  const { mounts } = await needs.snapshots.mounts(ctx, { snapshotter, key: snapshotKey });
  return mounts;
}

/** A bundle that no task belongs to was left by a crash between our mkdir and the shim's answer. */
async function clearStale(needs: TasksNeeds, ctx: CallContext, task: { id: string; bundle: string }): Promise<void> {
  try {
    await needs.tasks.state(ctx, { id: task.id });
  } catch (error) {
    if (!isErrorOf(error, 'notFound')) throw error;
    await removeBundle(task.bundle);
  }
}
