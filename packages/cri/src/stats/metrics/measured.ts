import type { LinuxContainerResources } from '@gantry/api/runtime/v1/api';
import { type CallContext, ignore } from '@gantry/rpc';
import type { Needs } from '../../sandboxes/needs';
import { type Count, countOf } from '../cgroup';
import type { StatsOf } from '../container';
import { deviceName, type Filesystem } from './filesystem';
import { type Pressure, pressureOf, type Resource } from './pressure';
import { type Processes, processesOf } from './processes';

/** All that is known of a running container for its metrics. */
export interface Measured {
  readonly count: Count;
  readonly layer: { readonly bytes: bigint };
  readonly filesystem: Filesystem;
  readonly processes: Processes;
  readonly pressure: Partial<Record<Resource, Pressure>>;
  /** By major:minor. */
  readonly deviceNames: ReadonlyMap<string, string>;
  readonly resources: LinuxContainerResources | undefined;
  /** Nanoseconds since the epoch. */
  readonly startedAt: bigint;
  readonly timestamp: bigint;
}

export async function measure(
  { services }: Pick<Needs, 'services'>,
  ctx: CallContext,
  { of, filesystem }: { readonly of: StatsOf; readonly filesystem: Filesystem },
): Promise<Measured> {
  const { container, stats, data } = of;
  const count = countOf(data);
  const answer = await services.tasks.listPids(ctx, { containerId: container.id }).catch(ignore('notFound', 'failedPrecondition'));
  const pids = (answer?.processes ?? []).map(({ pid }) => pid);
  const names = count.devices.map(async ({ major, minor }) => [`${major}:${minor}`, await deviceName(major, minor)] as const);
  return {
    count,
    layer: { bytes: stats.writableLayer?.usedBytes?.value ?? 0n },
    filesystem,
    processes: await processesOf(pids),
    pressure: pids[0] === undefined ? {} : await pressureOf(pids[0]),
    deviceNames: new Map(await Promise.all(names)),
    resources: container.config.linux?.resources,
    startedAt: BigInt(container.facts.startedAt === '' ? 0 : container.facts.startedAt),
    timestamp: stats.cpu?.timestamp ?? 0n,
  };
}
