import {
  type ContainerStats,
  ContainerState,
  type PodSandboxMetrics,
  type PodSandboxStats,
  type PodSandboxStatsFilter,
  type RuntimeServiceService,
} from '@gantry/api/runtime/v1/api';
import type { CallContext, Handlers } from '@gantry/rpc';
import { containersOf, requireContainer } from '../containers/find';
import { matching, PER_MESSAGE } from '../containers/handlers';
import { stateOf as containerState, taskOf } from '../containers/settle';
import { unknown } from '../failures';
import { matchingPods, requirePod } from '../sandboxes/find';
import type { Needs } from '../sandboxes/needs';
import type { Pod } from '../sandboxes/pod';
import { stateOf } from '../sandboxes/status';
import { containersStats, type StatsOf } from './container';
import { filesystemOf } from './metrics/filesystem';
import { LayerSizes } from './layers';
import { measure } from './metrics/measured';
import { descriptors, metricsOf } from './metrics/metrics';
import { podInterfaces, podStats } from './pod';

type Runtime = Handlers<typeof RuntimeServiceService>;

/** What pods and containers use now. One that ends meanwhile is left out; none fails the others. */
export function statsHandlers(needs: Needs): Partial<Runtime> {
  const layers = new LayerSizes(needs.services.snapshots);
  const counted: LayerSizes['count'] = (...of) => layers.count(...of);
  const recent: LayerSizes['recent'] = (...of) => layers.recent(...of);
  const running = async (ctx: CallContext, filter: Parameters<typeof matching>[2]): Promise<StatsOf[]> => {
    const found = (await matching(needs, ctx, filter)).filter(({ state }) => state === ContainerState.CONTAINER_RUNNING);
    layers.sweep();
    return containersStats(
      needs,
      ctx,
      found.map(({ container }) => container),
      recent,
    );
  };
  const ofContainers = async (ctx: CallContext, filter: Parameters<typeof matching>[2]): Promise<ContainerStats[]> =>
    (await running(ctx, filter)).map(({ stats }) => stats);
  const ofPod = async (ctx: CallContext, pod: Pod): Promise<PodSandboxStats> => {
    const states = await Promise.all(
      (await containersOf(needs, ctx, pod.id)).map(async (container) => ({ container, task: await taskOf(needs, ctx, container.id) })),
    );
    const found = states.filter(({ container, task }) => containerState(container, task) === ContainerState.CONTAINER_RUNNING);
    const used = await containersStats(
      needs,
      ctx,
      found.map(({ container }) => container),
      counted,
    );
    return podStats(
      pod,
      await stateOf(needs, ctx, pod.id),
      used.map(({ stats }) => stats),
    );
  };
  /** Containers are listed once for all pods. */
  const measured = async (ctx: CallContext, filter: PodSandboxStatsFilter | undefined) => {
    const wanted = await matchingPods(needs, ctx, filter);
    const byPod = new Map<string, StatsOf[]>();
    for (const one of await running(ctx, { id: '', podSandboxId: filter?.id ?? '', labelSelector: {} }))
      byPod.set(one.podId, [...(byPod.get(one.podId) ?? []), one]);
    return wanted.map((pod) => ({ pod, used: byPod.get(pod.id) ?? [] }));
  };
  const ofPods = async (ctx: CallContext, filter: PodSandboxStatsFilter | undefined): Promise<PodSandboxStats[]> =>
    Promise.all(
      (await measured(ctx, filter)).map(async ({ pod, used }) =>
        podStats(
          pod,
          await stateOf(needs, ctx, pod.id),
          used.map(({ stats }) => stats),
        ),
      ),
    );
  const metrics = async (ctx: CallContext): Promise<PodSandboxMetrics[]> => {
    const filesystem = await filesystemOf((await needs.services.imageStore.getInfo(ctx, {})).data);
    return Promise.all(
      (await measured(ctx, undefined)).map(async ({ pod, used }) => {
        const interfaces = await podInterfaces(pod, await stateOf(needs, ctx, pod.id));
        const containers = used.map(async (of) => ({ of, measured: await measure(needs, ctx, { of, filesystem }) }));
        return metricsOf(pod, interfaces ?? [], await Promise.all(containers));
      }),
    );
  };
  return {
    async containerStats(ctx, { containerId }) {
      const [found] = await containersStats(needs, ctx, [await requireContainer(needs, ctx, containerId)], counted);
      if (found === undefined) throw unknown(`container "${containerId}" does not run: it has no stats`);
      return { stats: found.stats };
    },
    listContainerStats: async (ctx, { filter }) => ({ stats: await ofContainers(ctx, filter) }),
    async streamContainerStats(ctx, { filter }, send) {
      for (const containerStats of inParts(await ofContainers(ctx, filter))) await send({ containerStats });
    },
    async podSandboxStats(ctx, { podSandboxId }) {
      return { stats: await ofPod(ctx, await requirePod(needs, ctx, podSandboxId)) };
    },
    listPodSandboxStats: async (ctx, { filter }) => ({ stats: await ofPods(ctx, filter) }),
    async streamPodSandboxStats(ctx, { filter }, send) {
      for (const podSandboxStats of inParts(await ofPods(ctx, filter))) await send({ podSandboxStats });
    },
    listMetricDescriptors: async () => ({ descriptors: [...descriptors] }),
    listPodSandboxMetrics: async (ctx) => ({ podMetrics: await metrics(ctx) }),
    async streamPodSandboxMetrics(ctx, _request, send) {
      for (const podSandboxMetrics of inParts(await metrics(ctx))) await send({ podSandboxMetrics });
    },
  };
}

function* inParts<T>(all: readonly T[]): Generator<T[]> {
  for (let at = 0; at < all.length; at += PER_MESSAGE) yield all.slice(at, at + PER_MESSAGE);
}
