import { unpackAny, wallMicros } from '@gantry/api';
import { Metrics as V1 } from '@gantry/api/io/containerd/cgroups/v1/metrics';
import { Metrics as V2 } from '@gantry/api/io/containerd/cgroups/v2/metrics';
import type { Any } from '@gantry/api/google/protobuf/any';
import type { ContainerStats, CpuUsage, MemoryUsage } from '@gantry/api/runtime/v1/api';
import { type CallContext, ignore } from '@gantry/rpc';
import type { Contained } from '../containers/record';
import type { Needs } from '../sandboxes/needs';

/** What these containers use, asked for at once; those that do not run are left out. */
export async function containersStats(
  { services }: Pick<Needs, 'services'>,
  ctx: CallContext,
  containers: readonly Contained[],
): Promise<StatsOf[]> {
  if (containers.length === 0) return [];
  const { metrics } = await services.tasks.metrics(ctx, { filters: containers.map(({ id }) => `id==${id}`) });
  const used = new Map(metrics.map(({ id, data }) => [id, data]));
  const { data: mountpoint } = await services.imageStore.getInfo(ctx, {});
  const all = await Promise.all(
    containers.map(async (container) => {
      const { id, config, facts, record } = container;
      const count = used.get(id);
      const layer = await services.snapshots
        .usage(ctx, { snapshotter: record.snapshotter, key: record.snapshotKey })
        .catch(ignore('notFound'));
      if (count === undefined || layer === undefined) return undefined;
      const timestamp = BigInt(wallMicros()) * 1000n;
      const stats: ContainerStats = {
        attributes: { id, metadata: config.metadata, labels: config.labels, annotations: config.annotations },
        ...usageOf(count, timestamp, config.linux?.resources?.memoryLimitInBytes ?? 0n),
        writableLayer: { timestamp, fsId: { mountpoint }, usedBytes: { value: layer.size }, inodesUsed: { value: layer.inodes } },
        swap: undefined,
        io: undefined,
      };
      return { podId: facts.podId, stats };
    }),
  );
  return all.filter((one) => one !== undefined);
}

/** Of which pod it is, and what it uses. */
export interface StatsOf {
  readonly podId: string;
  readonly stats: ContainerStats;
}

/** A cgroup's own count, of either version. */
export function usageOf(any: Any, timestamp: bigint, limit: bigint): { readonly cpu: CpuUsage; readonly memory: MemoryUsage } {
  const two = unpackAny(any, V2);
  const one = unpackAny(any, V1);
  const nanos = two === undefined ? (one?.cpu?.usage?.total ?? 0n) : (two.cpu?.usageUsec ?? 0n) * 1000n;
  const usage = two?.memory?.usage ?? one?.memory?.usage?.usage ?? 0n;
  const inactive = two?.memory?.inactiveFile ?? one?.memory?.totalInactiveFile ?? 0n;
  const working = usage > inactive ? usage - inactive : 0n;
  const value = (amount: bigint): { value: bigint } => ({ value: amount });
  return {
    cpu: { timestamp, usageCoreNanoSeconds: value(nanos), usageNanoCores: undefined, psi: undefined },
    memory: {
      timestamp,
      workingSetBytes: value(working),
      availableBytes: value(limit > working ? limit - working : 0n),
      usageBytes: value(usage),
      rssBytes: value(two?.memory?.anon ?? one?.memory?.totalRss ?? 0n),
      pageFaults: value(two?.memory?.pgfault ?? one?.memory?.totalPgFault ?? 0n),
      majorPageFaults: value(two?.memory?.pgmajfault ?? one?.memory?.totalPgMajFault ?? 0n),
      psi: undefined,
    },
  };
}
