import { ContainerEventType } from '@gantry/api/runtime/v1/api';
import { type CallContext, detached, prefixed } from '@gantry/rpc';
import { containersOf } from '../containers/find';
import { removeContainer } from '../containers/remove';
import { stopContainer } from '../containers/stop';
import { removeFiles, unmountShm } from './files';
import { findPod } from './find';
import type { Needs } from './needs';
import { type Pod, SANDBOXER } from './pod';
import { stateOf } from './status';

/** Ends all containers of a pod without grace, then gives back its network and its namespaces. One that is not there is stopped. */
export async function stopPod(needs: Needs, caller: CallContext, text: string): Promise<Pod | undefined> {
  const pod = await findPod(needs, caller, text);
  if (pod === undefined) return undefined;
  const ctx = detached(caller);
  const { services } = needs;
  const { ready, pid } = await stateOf(needs, ctx, pod.id);
  const containers = await containersOf(needs, ctx, pod.id);
  await Promise.all(containers.map((container) => stopContainer(needs, ctx, container, 0)));
  const released = services.cni
    .delPod(ctx, { sandboxId: pod.id, netnsPath: ready ? `/proc/${pid}/ns/net` : '' })
    .then(() => services.network.releaseSandbox(ctx, { sandboxId: pod.id }));
  await released.catch((error: unknown) => {
    throw prefixed(error, `failed to destroy network for sandbox "${pod.id}"`, 'unknown');
  });
  await services.controller.stop(ctx, { sandboxId: pod.id, sandboxer: SANDBOXER, timeoutSecs: 0 });
  await unmountShm(needs.roots, pod.id);
  if (ready) await needs.events.tellPod(ctx, pod.id, ContainerEventType.CONTAINER_STOPPED_EVENT);
  return pod;
}

/** Takes a pod away with all that is in it. */
export async function removePod(needs: Needs, caller: CallContext, text: string): Promise<void> {
  const ctx = detached(caller);
  const pod = await stopPod(needs, ctx, text);
  if (pod === undefined) return;
  for (const container of await containersOf(needs, ctx, pod.id)) await removeContainer(needs, ctx, container);
  const told = await needs.events.ofPod(ctx, pod.id);
  await removeFiles(needs.roots, pod.id);
  await needs.services.sandboxes.delete(ctx, { sandboxId: pod.id });
  needs.names.release(pod.id);
  needs.events.tell({
    ...told,
    containerId: pod.id,
    containerEventType: ContainerEventType.CONTAINER_DELETED_EVENT,
    containersStatuses: [],
  });
}
