import { type ContainerStats, ContainerState, type PodSandboxStats, type RuntimeServiceService } from '@gantry/api/runtime/v1/api';
import { type CallContext, type Handlers, isErrorOf } from '@gantry/rpc';
import { requireContainer } from '../containers/find';
import { matching } from '../containers/handlers';
import type { Contained } from '../containers/record';
import { unknown } from '../failures';
import { listPods, requirePod } from '../sandboxes/find';
import type { Needs } from '../sandboxes/needs';
import type { Pod } from '../sandboxes/pod';
import { stateOf } from '../sandboxes/status';
import { containerStats } from './container';
import { podStats } from './pod';

type Runtime = Handlers<typeof RuntimeServiceService>;

/** What pods and containers use now. One that ends meanwhile is left out; none fails the others. */
export function statsHandlers(needs: Needs): Partial<Runtime> {
  const running = async (ctx: CallContext, filter: Parameters<typeof matching>[2]): Promise<ContainerStats[]> => {
    const found = (await matching(needs, ctx, filter)).filter(({ state }) => state === ContainerState.CONTAINER_RUNNING);
    const all = await Promise.all(found.map(({ container }) => tried(needs, ctx, container)));
    return all.filter((stats) => stats !== undefined);
  };
  const ofPod = async (ctx: CallContext, pod: Pod): Promise<PodSandboxStats> =>
    podStats(pod, await stateOf(needs, ctx, pod.id), await running(ctx, { id: '', podSandboxId: pod.id, labelSelector: {} }));
  return {
    async containerStats(ctx, { containerId }) {
      const stats = await tried(needs, ctx, await requireContainer(needs, ctx, containerId));
      if (stats === undefined) throw unknown(`container "${containerId}" does not run: it has no stats`);
      return { stats };
    },
    listContainerStats: async (ctx, { filter }) => ({ stats: await running(ctx, filter) }),
    async podSandboxStats(ctx, { podSandboxId }) {
      return { stats: await ofPod(ctx, await requirePod(needs, ctx, podSandboxId)) };
    },
    async listPodSandboxStats(ctx, { filter }) {
      const { id = '', labelSelector = {} } = filter ?? {};
      const wanted = (await listPods(needs, ctx)).filter(
        (pod) => pod.id.startsWith(id) && Object.entries(labelSelector).every(([name, value]) => pod.config.labels[name] === value),
      );
      return { stats: await Promise.all(wanted.map((pod) => ofPod(ctx, pod))) };
    },
  };
}

async function tried(needs: Needs, ctx: CallContext, container: Contained): Promise<ContainerStats | undefined> {
  try {
    return await containerStats(needs, ctx, container);
  } catch (error) {
    if (isErrorOf(error, 'notFound')) return undefined;
    throw error;
  }
}
