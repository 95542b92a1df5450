import { rm } from 'node:fs/promises';
import { type CallContext, errorText } from '@gantry/rpc';
import { checkpointsFolder } from './checkpoints/checkpoint';
import { removeDeclaredVolumes } from './containers/declared-volumes';
import { listContainers } from './containers/find';
import type { Needs } from './sandboxes/needs';
import { listPods } from './sandboxes/find';
import { removeFiles } from './sandboxes/files';
import { OWNER } from './sandboxes/network';
import { isHostNetwork, podName, SANDBOXER } from './sandboxes/pod';
import { stateOf } from './sandboxes/status';

/** What a former life of this service left half made is taken away; names are known again, and the network is told which pods live. */
export async function recover(needs: Needs, ctx: CallContext): Promise<void> {
  const { services, names, members, roots, logger } = needs;
  await rm(checkpointsFolder(roots.data), { recursive: true, force: true });
  const live: { sandboxId: string; netnsPath: string }[] = [];
  for (const pod of await listPods(needs, ctx)) {
    const { ready, pid } = await stateOf(needs, ctx, pod.id);
    // Its addresses are written last.
    const halfMade = !isHostNetwork(pod.config) && pod.facts.ips.length === 0;
    if (ready && !halfMade) live.push({ sandboxId: pod.id, netnsPath: `/proc/${pid}/ns/net` });
    names.reserve('sandbox', podName(pod.config), pod.id);
    if (!halfMade) continue;
    try {
      await services.cni.delPod(ctx, { sandboxId: pod.id, netnsPath: '' });
      await services.controller.shutdown(ctx, { sandboxId: pod.id, sandboxer: SANDBOXER });
      await removeFiles(roots, pod.id);
      await services.sandboxes.delete(ctx, { sandboxId: pod.id });
      names.release(pod.id);
    } catch (error) {
      logger.warn({ err: error, pod: pod.id }, `a pod that was half made is not all taken away: ${errorText(error)}`);
    }
  }
  await services.network.reconcile(ctx, { sandboxes: live, owner: OWNER });
  const containers = await listContainers(needs, ctx);
  const known = new Set(containers.map(({ id }) => id));
  await removeDeclaredVolumes(needs, ctx, (owner) => !known.has(owner)).catch((error: unknown) =>
    logger.warn({ err: error }, `volumes of containers that are gone are not all taken away: ${errorText(error)}`),
  );
  for (const { id, facts, config } of containers) {
    members.add(facts.podId, id);
    names.reserve('container', `${config.metadata?.name ?? ''}_${facts.podId}_${config.metadata?.attempt ?? 0}`, id);
  }
}
