import { wallMicros } from '@gantry/api';
import type { Any } from '@gantry/api/google/protobuf/any';
import type { ContainerStats, CpuUsage, MemoryUsage } from '@gantry/api/runtime/v1/api';
import type { CallContext } from '@gantry/rpc';
import type { Contained } from '../containers/record';
import type { Needs } from '../sandboxes/needs';
import { countOf } from './cgroup';
import type { LayerSizes } from './layers';

/** So many tasks are asked for by their ids: each filter is put to each task. */
const NAMED = 8;

/** What these containers use, asked for at once; those that do not run are left out. `layers`: how the size of their files is known. */
export async function containersStats(
  { services }: Pick<Needs, 'services'>,
  ctx: CallContext,
  containers: readonly Contained[],
  layers: Pick<LayerSizes, 'recent'>['recent'],
): Promise<StatsOf[]> {
  if (containers.length === 0) return [];
  const filters = containers.length > NAMED ? [] : containers.map(({ id }) => `id==${id}`);
  const { metrics } = await services.tasks.metrics(ctx, { filters });
  const used = new Map(metrics.map(({ id, data }) => [id, data]));
  const { data: mountpoint } = await services.imageStore.getInfo(ctx, {});
  const all = await Promise.all(
    containers.map(async (container) => {
      const { id, config, facts, record } = container;
      const count = used.get(id);
      const layer = await layers(ctx, id, record);
      if (count === undefined || layer === undefined) return undefined;
      const timestamp = BigInt(wallMicros()) * 1000n;
      const stats: ContainerStats = {
        attributes: { id, metadata: config.metadata, labels: config.labels, annotations: config.annotations },
        ...usageOf(count, timestamp, config.linux?.resources?.memoryLimitInBytes ?? 0n),
        writableLayer: {
          timestamp: layer.timestamp,
          fsId: { mountpoint },
          usedBytes: { value: layer.size },
          inodesUsed: { value: layer.inodes },
        },
        swap: undefined,
        io: undefined,
      };
      return { podId: facts.podId, container, stats, data: count };
    }),
  );
  return all.filter((one) => one !== undefined);
}

/** Of which pod it is, and what it uses. */
export interface StatsOf {
  readonly podId: string;
  readonly container: Contained;
  readonly stats: ContainerStats;
  /** What its cgroup counts. */
  readonly data: Any;
}

/** A cgroup's own count, of either version. */
export function usageOf(any: Any, timestamp: bigint, limit: bigint): { readonly cpu: CpuUsage; readonly memory: MemoryUsage } {
  const { cpu, memory } = countOf(any);
  const working = memory.usage > memory.inactiveFile ? memory.usage - memory.inactiveFile : 0n;
  const value = (amount: bigint): { value: bigint } => ({ value: amount });
  return {
    cpu: { timestamp, usageCoreNanoSeconds: value(cpu.usage), usageNanoCores: undefined, psi: undefined },
    memory: {
      timestamp,
      workingSetBytes: value(working),
      availableBytes: value(limit > working ? limit - working : 0n),
      usageBytes: value(memory.usage),
      rssBytes: value(memory.rss),
      pageFaults: value(memory.faults),
      majorPageFaults: value(memory.majorFaults),
      psi: undefined,
    },
  };
}
