import { unpackAny, wallMicros } from '@gantry/api';
import { Metrics as V1 } from '@gantry/api/io/containerd/cgroups/v1/metrics';
import { Metrics as V2 } from '@gantry/api/io/containerd/cgroups/v2/metrics';
import type { Any } from '@gantry/api/google/protobuf/any';
import type { ContainerStats, CpuUsage, MemoryUsage } from '@gantry/api/runtime/v1/api';
import { type CallContext, notFound } from '@gantry/rpc';
import type { Contained } from '../containers/record';
import type { Needs } from '../sandboxes/needs';

/** What one container uses. Errors: notFound where it does not run. */
export async function containerStats({ services }: Needs, ctx: CallContext, container: Contained): Promise<ContainerStats> {
  const { id, config, record } = container;
  const { metrics } = await services.tasks.metrics(ctx, { filters: [`id==${id}`] });
  const used = metrics[0]?.data;
  if (used === undefined) throw notFound(`container "${id}" has no metrics`);
  const { size, inodes } = await services.snapshots.usage(ctx, { snapshotter: record.snapshotter, key: record.snapshotKey });
  const { data } = await services.imageStore.getInfo(ctx, {});
  const timestamp = BigInt(wallMicros()) * 1000n;
  return {
    attributes: { id, metadata: config.metadata, labels: config.labels, annotations: config.annotations },
    ...usageOf(used, timestamp, config.linux?.resources?.memoryLimitInBytes ?? 0n),
    writableLayer: { timestamp, fsId: { mountpoint: data }, usedBytes: { value: size }, inodesUsed: { value: inodes } },
    swap: undefined,
    io: undefined,
  };
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
