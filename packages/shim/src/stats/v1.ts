import { packAny } from '@gantry/api';
import type { Any } from '@gantry/api/google/protobuf/any';
import { type BlkIOEntry, type MemoryStat, Metrics } from '@gantry/api/io/containerd/cgroups/v1/metrics';
import type { BlkioEntry, CgroupStats } from '@gantry/runtime';

/** io.containerd.cgroups.v1.Metrics. */
export function metricsV1(stats: CgroupStats): Any {
  const { cpu, memory, pids, blkio } = stats;
  const metrics = Metrics.fromPartial({
    pids: { current: pids.current, limit: pids.limit },
    cpu: {
      usage: { total: cpu.usage, kernel: cpu.system, user: cpu.user, perCpu: [...cpu.perCpu] },
      throttling: { periods: cpu.periods, throttledPeriods: cpu.throttledPeriods, throttledTime: cpu.throttledTime },
    },
    memory: {
      ...memoryStat(memory.stat),
      usage: { usage: memory.usage, max: memory.max, limit: memory.limit, failcnt: memory.failcnt },
      swap: { usage: memory.swapUsage, limit: memory.swapLimit },
      kernel: { usage: memory.kernelUsage },
    },
    blkio: { ioServiceBytesRecursive: blkio.serviceBytes.map(entry), ioServicedRecursive: blkio.serviced.map(entry) },
    memoryOomControl: { oomKill: memory.oomKills },
  });
  return packAny(Metrics, metrics);
}

const entry = ({ major, minor, op, value }: BlkioEntry): BlkIOEntry => ({
  op,
  device: '',
  major: BigInt(major),
  minor: BigInt(minor),
  value,
});

/** Field of the message → key of memory.stat. */
const keys = {
  cache: 'cache',
  rss: 'rss',
  rssHuge: 'rss_huge',
  mappedFile: 'mapped_file',
  dirty: 'dirty',
  writeback: 'writeback',
  pgPgIn: 'pgpgin',
  pgPgOut: 'pgpgout',
  pgFault: 'pgfault',
  pgMajFault: 'pgmajfault',
  inactiveAnon: 'inactive_anon',
  activeAnon: 'active_anon',
  inactiveFile: 'inactive_file',
  activeFile: 'active_file',
  unevictable: 'unevictable',
  hierarchicalMemoryLimit: 'hierarchical_memory_limit',
  hierarchicalSwapLimit: 'hierarchical_memsw_limit',
  totalCache: 'total_cache',
  totalRss: 'total_rss',
  totalRssHuge: 'total_rss_huge',
  totalMappedFile: 'total_mapped_file',
  totalDirty: 'total_dirty',
  totalWriteback: 'total_writeback',
  totalPgPgIn: 'total_pgpgin',
  totalPgPgOut: 'total_pgpgout',
  totalPgFault: 'total_pgfault',
  totalPgMajFault: 'total_pgmajfault',
  totalInactiveAnon: 'total_inactive_anon',
  totalActiveAnon: 'total_active_anon',
  totalInactiveFile: 'total_inactive_file',
  totalActiveFile: 'total_active_file',
  totalUnevictable: 'total_unevictable',
} as const satisfies Partial<Record<keyof MemoryStat, string>>;

function memoryStat(stat: Readonly<Record<string, bigint>>): Partial<MemoryStat> {
  return Object.fromEntries(Object.entries(keys).map(([field, key]) => [field, stat[key] ?? 0n])) as Partial<MemoryStat>;
}
