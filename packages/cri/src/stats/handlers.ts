import {
  type ContainerStats,
  ContainerState,
  type PodSandboxStats,
  type PodSandboxStatsFilter,
  type RuntimeServiceService,
} from '@gantry/api/runtime/v1/api';
import { type CallContext, type Handlers, isErrorOf } from '@gantry/rpc';
import { requireContainer } from '../containers/find';
import { matching, PER_MESSAGE } from '../containers/handlers';
import type { Contained } from '../containers/record';
import { unknown } from '../failures';
import { listPods, requirePod } from '../sandboxes/find';
import type { Needs } from '../sandboxes/needs';
import type { Pod } from '../sandboxes/pod';
import { stateOf } from '../sandboxes/status';
import { containerStats } from './container';
import { descriptors, metricsOf } from './metrics';
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
  const ofPods = async (ctx: CallContext, filter: PodSandboxStatsFilter | undefined): Promise<PodSandboxStats[]> => {
    const { id = '', labelSelector = {} } = filter ?? {};
    const wanted = (await listPods(needs, ctx)).filter(
      (pod) => pod.id.startsWith(id) && Object.entries(labelSelector).every(([name, value]) => pod.config.labels[name] === value),
    );
    return Promise.all(wanted.map((pod) => ofPod(ctx, pod)));
  };
  return {
    async containerStats(ctx, { containerId }) {
      const stats = await tried(needs, ctx, await requireContainer(needs, ctx, containerId));
      if (stats === undefined) throw unknown(`container "${containerId}" does not run: it has no stats`);
      return { stats };
    },
    listContainerStats: async (ctx, { filter }) => ({ stats: await running(ctx, filter) }),
    async streamContainerStats(ctx, { filter }, send) {
      for (const containerStats of inParts(await running(ctx, filter))) await send({ containerStats });
    },
    async podSandboxStats(ctx, { podSandboxId }) {
      return { stats: await ofPod(ctx, await requirePod(needs, ctx, podSandboxId)) };
    },
    listPodSandboxStats: async (ctx, { filter }) => ({ stats: await ofPods(ctx, filter) }),
    async streamPodSandboxStats(ctx, { filter }, send) {
      for (const podSandboxStats of inParts(await ofPods(ctx, filter))) await send({ podSandboxStats });
    },
    listMetricDescriptors: async () => ({ descriptors: [...descriptors] }),
    listPodSandboxMetrics: async (ctx) => ({ podMetrics: (await ofPods(ctx, undefined)).map(metricsOf) }),
    async streamPodSandboxMetrics(ctx, _request, send) {
      for (const stats of inParts(await ofPods(ctx, undefined))) await send({ podSandboxMetrics: stats.map(metricsOf) });
    },
  };
}

function* inParts<T>(all: readonly T[]): Generator<T[]> {
  for (let at = 0; at < all.length; at += PER_MESSAGE) yield all.slice(at, at + PER_MESSAGE);
}

async function tried(needs: Needs, ctx: CallContext, container: Contained): Promise<ContainerStats | undefined> {
  try {
    return await containerStats(needs, ctx, container);
  } catch (error) {
    if (isErrorOf(error, 'notFound')) return undefined;
    throw error;
  }
}
