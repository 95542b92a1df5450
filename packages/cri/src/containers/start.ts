import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { packAny, wallMicros } from '@gantry/api';
import type { Descriptor, Mount } from '@gantry/api/containerd/types/types';
import { CreateOptions } from '@gantry/api/gantry/shim/v1/shim';
import { ContainerEventType, ContainerState } from '@gantry/api/runtime/v1/api';
import { type CallContext, detached, errorText, prefixed, shortSocketPath } from '@gantry/rpc';
import { criuImages, removeRestore } from '../checkpoints/restore';
import { unknown } from '../failures';
import { findPod } from '../sandboxes/find';
import type { Needs } from '../sandboxes/needs';
import { stateOf as podState } from '../sandboxes/status';
import { idsOf, mappedMounts } from '../sandboxes/userns';
import { endTask } from './end-task';
import { note } from './note';
import type { Contained } from './record';
import { starting, stateOf, taskOf } from './settle';

/** What a container ends with that could not be started. */
const START_FAILED = 128;

/** Starts a container that was made; one that cannot be started has ended with that. */
export async function startContainer(needs: Needs, caller: CallContext, container: Contained): Promise<void> {
  const { id } = container;
  if (starting.has(id)) throw unknown(`failed to set starting state for container "${id}": container is already in starting state`);
  starting.add(id);
  try {
    await start(needs, detached(caller), container);
  } finally {
    starting.delete(id);
  }
}

async function start(needs: Needs, ctx: CallContext, container: Contained): Promise<void> {
  const { id } = container;
  const state = stateOf(container, await taskOf(needs, ctx, id));
  if (state !== ContainerState.CONTAINER_CREATED)
    throw unknown(`failed to set starting state for container "${id}": container is in ${ContainerState[state]} state`);
  let started: Contained;
  try {
    if (!(await podState(needs, ctx, container.facts.podId)).ready) throw unknown(`sandbox "${container.facts.podId}" is not running`);
    await makeTask(needs, ctx, container);
    // Noted before it runs: it may have ended before an answer is here.
    started = await note(needs, ctx, { container, change: { startedAt: nowText() } });
    await needs.services.tasks.start(ctx, { containerId: id, execId: '' });
  } catch (error) {
    await endTask(needs, ctx, id).catch((undo: unknown) =>
      needs.logger.warn({ err: undo, container: id }, `the task of a failed start: ${errorText(undo)}`),
    );
    const ended = {
      code: START_FAILED,
      at: nowText(),
      reason: 'StartError',
      message: `failed to create containerd task: ${errorText(error)}`,
    };
    const failed = await note(needs, ctx, { container, change: { ended, startedAt: '' } });
    await needs.events.tellContainer(ctx, failed, ContainerEventType.CONTAINER_STOPPED_EVENT);
    throw prefixed(error, 'failed to create containerd task', 'unknown');
  }
  if (container.facts.restored === true)
    await removeRestore(needs.roots.data, id).catch((error: unknown) =>
      needs.logger.warn({ err: error, container: id }, `the checkpoint that it was restored from is not taken away: ${errorText(error)}`),
    );
  await needs.events.tellContainer(ctx, started, ContainerEventType.CONTAINER_STARTED_EVENT);
}

export const nowText = (): string => String(BigInt(wallMicros()) * 1000n);

async function makeTask(needs: Needs, ctx: CallContext, container: Contained): Promise<void> {
  const { services, roots, config: settings } = needs;
  const { id, config, facts } = container;
  if (facts.logPath !== '') await mkdir(dirname(facts.logPath), { recursive: true, mode: 0o755 });
  const monitor = `monitor://${shortSocketPath(roots.run, id)}`; // who attaches finds it there
  const options = CreateOptions.fromPartial({
    openStdin: config.stdin,
    stdinOnce: config.stdinOnce,
    systemdCgroup: settings['cgroup-driver'] === 'systemd',
    ...(facts.logPath === '' ? {} : { log: { path: facts.logPath, maxSize: 0n, maxFile: 1, plain: true } }),
  });
  await services.tasks.create(ctx, {
    containerId: id,
    rootfs: await mappedRoot(needs, ctx, container),
    stdin: config.stdin ? monitor : '',
    stdout: monitor,
    stderr: config.tty ? '' : monitor,
    terminal: config.tty,
    checkpoint: facts.restored === true ? restoredFrom(criuImages(roots.data, id)) : undefined,
    options: packAny(CreateOptions, options),
    runtimePath: '',
    taskApiAddress: '',
    taskApiVersion: 0,
  });
}

/** A descriptor that names a folder in place of a blob: containerd's own way for its CRI. */
const restoredFrom = (path: string): Descriptor => ({ mediaType: '', digest: '', size: 0n, annotations: { RestoreFromPath: path } });

/** The root file system of a container whose pod has ids of its own, seen through their map. Else none: it is that of the snapshot. */
async function mappedRoot(needs: Needs, ctx: CallContext, { id, facts, record }: Contained): Promise<Mount[]> {
  const pod = await findPod(needs, ctx, facts.podId);
  const ids = pod === undefined ? undefined : idsOf(pod.config);
  if (ids === undefined) return [];
  const { mounts } = await needs.services.snapshots.mounts(ctx, { snapshotter: record.snapshotter, key: id });
  return mappedMounts(mounts, ids);
}
