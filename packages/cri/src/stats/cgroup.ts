import { unpackAny } from '@gantry/api';
import type { Any } from '@gantry/api/google/protobuf/any';
import { Metrics as V1 } from '@gantry/api/io/containerd/cgroups/v1/metrics';
import { Metrics as V2 } from '@gantry/api/io/containerd/cgroups/v2/metrics';

/** What a cgroup of either version counts, in the words of neither. Times in nanoseconds. */
export interface Count {
  readonly cpu: Readonly<Record<'usage' | 'user' | 'system' | 'periods' | 'throttledPeriods' | 'throttled', bigint>>;
  readonly memory: Readonly<
    Record<
      | 'usage'
      | 'max'
      | 'failures'
      | 'rss'
      | 'cache'
      | 'mapped'
      | 'swap'
      | 'kernel'
      | 'inactiveFile'
      | 'faults'
      | 'majorFaults'
      | 'oomKills',
      bigint
    >
  >;
  readonly pids: { readonly current: bigint; readonly limit: bigint };
  readonly devices: readonly DeviceCount[];
  readonly hugePages: readonly { readonly size: string; readonly usage: bigint; readonly max: bigint }[];
}

/** Bytes and operations by word, Read and Write. */
export interface DeviceCount {
  readonly major: bigint;
  readonly minor: bigint;
  readonly operation: string;
  readonly bytes: bigint;
  readonly times: bigint;
}

export function countOf(any: Any): Count {
  const two = unpackAny(any, V2);
  return two === undefined ? ofVersion1(unpackAny(any, V1)) : ofVersion2(two);
}

function ofVersion1(one: V1 | undefined): Count {
  const { usage, throttling } = one?.cpu ?? {};
  const memory = one?.memory;
  const times = new Map(one?.blkio?.ioServicedRecursive.map(({ major, minor, op, value }) => [`${major}:${minor} ${op}`, value]));
  const entries = one?.blkio?.ioServiceBytesRecursive.filter(({ op }) => op === 'Read' || op === 'Write') ?? [];
  return {
    cpu: {
      usage: usage?.total ?? 0n,
      user: usage?.user ?? 0n,
      system: usage?.kernel ?? 0n,
      periods: throttling?.periods ?? 0n,
      throttledPeriods: throttling?.throttledPeriods ?? 0n,
      throttled: throttling?.throttledTime ?? 0n,
    },
    memory: {
      usage: memory?.usage?.usage ?? 0n,
      max: memory?.usage?.max ?? 0n,
      failures: memory?.usage?.failcnt ?? 0n,
      rss: memory?.totalRss ?? 0n,
      cache: memory?.totalCache ?? 0n,
      mapped: memory?.totalMappedFile ?? 0n,
      swap: above(memory?.swap?.usage, memory?.usage?.usage), // the kernel counts both together
      kernel: memory?.kernel?.usage ?? 0n,
      inactiveFile: memory?.totalInactiveFile ?? 0n,
      faults: memory?.totalPgFault ?? 0n,
      majorFaults: memory?.totalPgMajFault ?? 0n,
      oomKills: one?.memoryOomControl?.oomKill ?? 0n,
    },
    pids: { current: one?.pids?.current ?? 0n, limit: one?.pids?.limit ?? 0n },
    devices: entries.map(({ major, minor, op: operation, value: bytes }) => ({
      major,
      minor,
      operation,
      bytes,
      times: times.get(`${major}:${minor} ${operation}`) ?? 0n,
    })),
    hugePages: (one?.hugetlb ?? []).map(({ pagesize: size, usage: used, max }) => ({ size, usage: used, max })),
  };
}

const above = (whole = 0n, part = 0n): bigint => (whole > part ? whole - part : 0n);
const NS_PER_US = 1000n;

function ofVersion2({ cpu, memory, memoryEvents, pids, io, hugetlb }: V2): Count {
  return {
    cpu: {
      usage: (cpu?.usageUsec ?? 0n) * NS_PER_US,
      user: (cpu?.userUsec ?? 0n) * NS_PER_US,
      system: (cpu?.systemUsec ?? 0n) * NS_PER_US,
      periods: cpu?.nrPeriods ?? 0n,
      throttledPeriods: cpu?.nrThrottled ?? 0n,
      throttled: (cpu?.throttledUsec ?? 0n) * NS_PER_US,
    },
    memory: {
      usage: memory?.usage ?? 0n,
      max: memory?.maxUsage ?? 0n,
      failures: memoryEvents?.max ?? 0n,
      rss: memory?.anon ?? 0n,
      cache: memory?.file ?? 0n,
      mapped: memory?.fileMapped ?? 0n,
      swap: memory?.swapUsage ?? 0n,
      kernel: (memory?.slab ?? 0n) + (memory?.kernelStack ?? 0n),
      inactiveFile: memory?.inactiveFile ?? 0n,
      faults: memory?.pgfault ?? 0n,
      majorFaults: memory?.pgmajfault ?? 0n,
      oomKills: memoryEvents?.oomKill ?? 0n,
    },
    pids: { current: pids?.current ?? 0n, limit: pids?.limit ?? 0n },
    devices: (io?.usage ?? []).flatMap(({ major, minor, rbytes, wbytes, rios, wios }) => [
      { major, minor, operation: 'Read', bytes: rbytes, times: rios },
      { major, minor, operation: 'Write', bytes: wbytes, times: wios },
    ]),
    hugePages: hugetlb.map(({ pagesize: size, current: usage, max }) => ({ size, usage, max })),
  };
}
