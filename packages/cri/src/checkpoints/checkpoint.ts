import { randomBytes } from 'node:crypto';
import { copyFile, mkdir, rm } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { packAny } from '@gantry/api';
import { CheckpointOptions } from '@gantry/api/containerd/runc/v1/runc';
import { type CheckpointContainerRequest, ContainerState } from '@gantry/api/runtime/v1/api';
import { hasCode } from '@gantry/linux';
import { after, type CallContext, deadlineExceeded, derive, errorText, GantryError, isGantryError, prefixed } from '@gantry/rpc';
import { requireContainer } from '../containers/find';
import { stateOf, taskOf } from '../containers/settle';
import { statusOf } from '../containers/status';
import { unknown } from '../failures';
import { findPod } from '../sandboxes/find';
import type { Needs } from '../sandboxes/needs';
import { packFolder } from './archive';
import { insistOnCriu } from './criu';
import { type Dumped, writeDumps } from './dumps';
import { writeRootDiff } from './root-diff';

/** Folders of checkpoints that are being written; what a crash left there goes at the next start. */
export const checkpointsFolder = (data: string): string => join(data, 'checkpoints');

/**
 * Writes a running container to an archive, as containerd does, so that its readers read it; the container goes on. The archive is at its location whole,
 * or not at all.
 */
export async function checkpointContainer(needs: Needs, caller: CallContext, request: CheckpointContainerRequest): Promise<void> {
  const { containerId, location } = request;
  const seconds = Number(request.timeout);
  await insistOnCriu(containerId);
  const container = await requireContainer(needs, caller, containerId).catch((error: unknown) => {
    throw prefixed(error, `an error occurred when trying to find container the container status "${containerId}"`);
  });
  const task = await taskOf(needs, caller, container.id);
  const state = stateOf(container, task);
  if (state !== ContainerState.CONTAINER_RUNNING)
    throw unknown(
      `container "${containerId}" is in ${ContainerState[state]} state. only ${ContainerState[ContainerState.CONTAINER_RUNNING]} containers can be checkpointed`,
    );
  if (!isAbsolute(location))
    throw unknown(`location "${location}" of the checkpoint of container "${containerId}" is not an absolute path`);
  const late = new AbortController();
  const timer = after(seconds > 0 ? seconds * 1000 : Infinity, () => late.abort());
  const ctx = derive(caller, { signal: AbortSignal.any([caller.signal, late.signal]) });
  const folder = join(checkpointsFolder(needs.roots.data), `${container.id}-${randomBytes(4).toString('hex')}`);
  try {
    await mkdir(join(folder, 'checkpoint'), { recursive: true, mode: 0o700 });
    const pod = await findPod(needs, ctx, container.facts.podId);
    await fill(needs, ctx, folder, { container, status: statusOf(container, state), pod, pid: task?.pid ?? 0 });
    await packFolder(folder, location, ctx.signal);
  } catch (error) {
    if (late.signal.aborted) throw deadlineExceeded(`checkpointing container "${containerId}" failed: timeout ${seconds}s exceeded`);
    throw isGantryError(error) ? error : unknown(`checkpointing container "${containerId}" failed: ${errorText(error)}`, { cause: error });
  } finally {
    timer.cancel();
    await rm(folder, { recursive: true, force: true, maxRetries: 10 }); // who writes there may be ending yet
  }
}

async function fill(needs: Needs, ctx: CallContext, folder: string, dumped: Dumped): Promise<void> {
  const { id, facts } = dumped.container;
  const options = CheckpointOptions.fromPartial({ exit: false, imagePath: join(folder, 'checkpoint'), workPath: folder });
  await needs.services.tasks
    .checkpoint(ctx, { containerId: id, parentCheckpoint: '', options: packAny(CheckpointOptions, options) })
    .catch((error: unknown) => {
      const text = `checkpointing container "${id}" failed`;
      throw error instanceof GantryError && error.kind === 'internal'
        ? unknown(`${text}: ${error.message}`, { cause: error })
        : prefixed(error, text);
    });
  await writeRootDiff(needs.services, ctx, dumped.container.record, join(folder, 'rootfs-diff.tar'));
  await writeDumps(folder, dumped);
  if (facts.logPath !== '')
    await copyFile(facts.logPath, join(folder, 'container.log')).catch((error: unknown) => {
      if (!hasCode(error, 'ENOENT')) throw error;
    });
}
