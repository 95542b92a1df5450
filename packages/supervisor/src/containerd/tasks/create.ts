import type { Any } from '@gantry/api/google/protobuf/any';
import type { Mount } from '@gantry/api/containerd/types/types';
import type { SnapshotsService } from '@gantry/api/containerd/services/snapshots/v1/snapshots';
import type { CreateTaskRequest, CreateTaskResponse } from '@gantry/api/containerd/services/tasks/v1/tasks';
import { type CallContext, failedPrecondition, isErrorOf, notFound, type ServiceClient } from '@gantry/rpc';
import { type ContainerdContainer, type Records, VIEW_EXTENSION } from '../../core/records';
import type { RuntimeTable } from '../../core/runtimes';
import type { Sandboxes } from '../../core/sandboxes';
import type { Tasks } from '../../core/tasks';
import { checkIdentifier } from '../identifiers';
import { bundlePath, checkpointDirectory, removeBundle, writeBundle } from './bundle';
import type { CheckpointImages } from './checkpoint-images';
import { createFailure } from './failures';
import { restorePath, taskOptions } from './runtime-options';

export interface TasksNeeds {
  readonly records: Pick<Records, 'get' | 'ids'>;
  readonly tasks: Tasks;
  readonly snapshots: Pick<ServiceClient<typeof SnapshotsService>, 'mounts'>;
  readonly runtimes: RuntimeTable;
  readonly sandboxes: Pick<Sandboxes, 'require'>;
  readonly checkpoints: CheckpointImages;
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
  if (container.sandbox !== '' && needs.sandboxes.require(ctx.namespace, container.sandbox).state.phase !== 'ready')
    throw failedPrecondition(`container "${id}": its sandbox "${container.sandbox}" is not ready: failed precondition`);
  const given = request.options ?? container.runtime?.options;
  const options = taskOptions(needs.runtimes, request.runtimePath || (container.runtime?.name ?? ''), given);
  const rootfs = await rootMounts(needs, ctx, { container, asked: request.rootfs });

  const bundle = bundlePath(needs.runRoot, ctx.namespace, id);
  await clearStale(needs, ctx, { id, bundle });
  writeBundle(bundle, container);
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
      checkpoint: await restoredFrom(needs, ctx, { request, given, bundle }),
    });
    return { containerId: id, pid };
  } catch (error) {
    await removeBundle(bundle);
    throw createFailure(error, id);
  }
}

/**
 * The directory of the checkpoint that a task is restored from: the one that its options or the checkpoint's annotation (a CRI's) name, or one in the
 * bundle for a checkpoint of the content store. Empty: it is made anew.
 */
async function restoredFrom(
  { checkpoints }: TasksNeeds,
  ctx: CallContext,
  { request: { checkpoint }, given, bundle }: { request: CreateTaskRequest; given: Any | undefined; bundle: string },
): Promise<string> {
  const named = checkpoint?.annotations['RestoreFromPath'] ?? restorePath(given);
  if (named !== '' || checkpoint === undefined) return named;
  const directory = checkpointDirectory(bundle);
  await checkpoints.load(ctx, checkpoint, directory);
  return directory;
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
