import { PodSandboxConfig, type RuntimeServiceService } from '@gantry/api/runtime/v1/api';
import type { Handlers } from '@gantry/rpc';
import { PER_MESSAGE } from '../containers/handlers';
import { matchingPods, requirePod } from './find';
import type { Needs } from './needs';
import { runPod } from './run';
import { itemOf, podStatus, stateOf } from './status';
import { removePod, stopPod } from './stop';
import { updatePod } from './update';

type Runtime = Handlers<typeof RuntimeServiceService>;

/** What kubelet does with pods. */
export function podHandlers(needs: Needs): Partial<Runtime> {
  const list: Runtime['listPodSandbox'] = async (ctx, { filter }) => {
    const wanted = await matchingPods(needs, ctx, filter);
    const items = await Promise.all(wanted.map(async (pod) => itemOf(pod, await stateOf(needs, ctx, pod.id))));
    return { items: filter?.state === undefined ? items : items.filter(({ state }) => state === filter.state?.state) };
  };
  return {
    runPodSandbox: async (ctx, request) => ({ podSandboxId: await runPod(needs, ctx, request) }),
    async stopPodSandbox(ctx, { podSandboxId }) {
      await stopPod(needs, ctx, podSandboxId);
      return {};
    },
    async removePodSandbox(ctx, { podSandboxId }) {
      await removePod(needs, ctx, podSandboxId);
      return {};
    },
    async podSandboxStatus(ctx, { podSandboxId, verbose }) {
      const pod = await requirePod(needs, ctx, podSandboxId);
      const { containersStatuses, createdAt: timestamp } = await needs.events.ofPod(ctx, pod.id);
      const state = await stateOf(needs, ctx, pod.id);
      return {
        status: podStatus(pod, state),
        info: verbose ? { info: JSON.stringify({ pid: state.pid, config: PodSandboxConfig.toJSON(pod.config) }) } : {},
        containersStatuses,
        timestamp,
      };
    },
    async updatePodSandboxResources(ctx, request) {
      await updatePod(needs, ctx, request);
      return {};
    },
    listPodSandbox: list,
    async streamPodSandboxes(ctx, request, send) {
      const { items } = await list(ctx, request);
      for (let at = 0; at < items.length; at += PER_MESSAGE) await send({ podSandboxes: items.slice(at, at + PER_MESSAGE) });
    },
  };
}
