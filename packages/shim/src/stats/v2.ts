import { packAny } from '@gantry/api';
import type { Any } from '@gantry/api/google/protobuf/any';
import { type IOEntry, type MemoryStat, Metrics } from '@gantry/api/io/containerd/cgroups/v2/metrics';
import type { CgroupStats } from '@gantry/runtime';

const NS_PER_US = 1000n;

/** io.containerd.cgroups.v2.Metrics. */
export function metricsV2(stats: CgroupStats): Any {
  const { cpu, memory, pids } = stats;
  const metrics = Metrics.fromPartial({
    pids: { current: pids.current, limit: pids.limit },
    cpu: {
      usageUsec: cpu.usage / NS_PER_US,
      userUsec: cpu.user / NS_PER_US,
      systemUsec: cpu.system / NS_PER_US,
      nrPeriods: cpu.periods,
      nrThrottled: cpu.throttledPeriods,
      throttledUsec: cpu.throttledTime / NS_PER_US,
    },
    memory: {
      ...memoryStat(memory.stat),
      usage: memory.usage,
      usageLimit: memory.limit,
      swapUsage: memory.swapUsage,
      swapLimit: memory.swapLimit,
      maxUsage: memory.max,
    },
    io: { usage: ioEntries(stats) },
    memoryEvents: { oomKill: memory.oomKills },
  });
  return packAny(Metrics, metrics);
}

function ioEntries({ blkio }: CgroupStats): IOEntry[] {
  const found = new Map<string, IOEntry>();
  const of = (major: number, minor: number): IOEntry => {
    const key = `${major}:${minor}`;
    const one = found.get(key) ?? { major: BigInt(major), minor: BigInt(minor), rbytes: 0n, wbytes: 0n, rios: 0n, wios: 0n };
    found.set(key, one);
    return one;
  };
  for (const { major, minor, op, value } of blkio.serviceBytes) {
    if (op.toLowerCase() === 'read') of(major, minor).rbytes = value;
    if (op.toLowerCase() === 'write') of(major, minor).wbytes = value;
  }
  for (const { major, minor, op, value } of blkio.serviced) {
    if (op.toLowerCase() === 'read') of(major, minor).rios = value;
    if (op.toLowerCase() === 'write') of(major, minor).wios = value;
  }
  return [...found.values()];
}

/** Fields that memory.stat names alike (in snake case). */
const same = [
  'anon',
  'file',
  'kernelStack',
  'slab',
  'sock',
  'shmem',
  'fileMapped',
  'fileDirty',
  'fileWriteback',
  'anonThp',
  'inactiveAnon',
  'activeAnon',
  'inactiveFile',
  'activeFile',
  'unevictable',
  'slabReclaimable',
  'slabUnreclaimable',
  'pgfault',
  'pgmajfault',
  'workingsetRefault',
  'workingsetActivate',
  'workingsetNodereclaim',
  'pgrefill',
  'pgscan',
  'pgsteal',
  'pgactivate',
  'pgdeactivate',
  'pglazyfree',
  'pglazyfreed',
  'thpFaultAlloc',
  'thpCollapseAlloc',
] as const satisfies readonly (keyof MemoryStat)[];

function memoryStat(stat: Readonly<Record<string, bigint>>): Partial<MemoryStat> {
  return Object.fromEntries(
    same.map((field) => [field, stat[field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)] ?? 0n]),
  ) as Partial<MemoryStat>;
}
