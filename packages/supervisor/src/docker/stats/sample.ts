import { readFileSync } from 'node:fs';
import { unpackAny } from '@gantry/api';
import type { Any } from '@gantry/api/google/protobuf/any';
import { type BlkIOEntry, Metrics as MetricsV1 } from '@gantry/api/io/containerd/cgroups/v1/metrics';
import { Metrics as MetricsV2 } from '@gantry/api/io/containerd/cgroups/v2/metrics';

/** ContainerStatsResponse of the Engine API without the fields of a single sample's surroundings (name, id, precpu). */
export interface Sample {
  readonly cpu_stats: object;
  readonly memory_stats: object;
  readonly pids_stats: object;
  readonly blkio_stats: object;
}

/** The kernel's largest number of bytes stands for "no limit": docker shows the machine's memory then. */
const UNLIMITED = 1n << 62n;

const number = (value: bigint): number => Number(value);

/** What all CPUs together have worked since boot, and how many there are: a container's share is told of these. */
export interface HostCpu {
  readonly nanos: number;
  readonly online: number;
}

/** proc_stat(5): a line of all CPUs, and then one for each that is online. */
export function hostCpu(stat = readFileSync('/proc/stat', 'utf8')): HostCpu {
  const [, ...ticks] = stat.slice(0, stat.indexOf('\n')).trim().split(/\s+/);
  return {
    nanos: ticks.slice(0, 7).reduce((sum, text) => sum + Number(text), 0) * 10_000_000,
    online: stat.match(/^cpu\d/gm)?.length ?? 0,
  };
}

let memory: bigint | undefined;

/** The machine's, which docker, too, looks at once. */
function hostMemory(): bigint {
  return (memory ??= memoryOf(readFileSync('/proc/meminfo', 'latin1')));
}

export function memoryOf(meminfo: string): bigint {
  return BigInt(/^MemTotal:\s+(\d+) kB/m.exec(meminfo)?.[1] ?? 0) * 1024n;
}

/** What the shim measured, in docker's words. Undefined for metrics of a kind that is not known. */
export function sampleOf(metrics: Any | undefined, host: HostCpu = hostCpu()): Sample | undefined {
  const v1 = unpackAny(metrics, MetricsV1);
  if (v1 !== undefined) return fromV1(v1, host);
  const v2 = unpackAny(metrics, MetricsV2);
  return v2 === undefined ? undefined : fromV2(v2, host);
}

function limited(limit: bigint): bigint {
  return limit === 0n || limit >= UNLIMITED ? hostMemory() : limit;
}

function pids(current: bigint, limit: bigint): object {
  return { current: number(current), ...(limit > 0n && limit < UNLIMITED ? { limit: number(limit) } : {}) };
}

function fromV1(metrics: MetricsV1, host: HostCpu): Sample {
  const usage = metrics.cpu?.usage;
  const throttling = metrics.cpu?.throttling;
  const memory = metrics.memory;
  const entries = (list: readonly BlkIOEntry[]): object[] =>
    list.map(({ major, minor, op, value }) => ({ major: number(major), minor: number(minor), op, value: number(value) }));
  const stat = memory === undefined ? {} : snakeCase(memory);
  return {
    cpu_stats: {
      cpu_usage: {
        total_usage: number(usage?.total ?? 0n),
        percpu_usage: (usage?.perCpu ?? []).map(number),
        usage_in_kernelmode: number(usage?.kernel ?? 0n),
        usage_in_usermode: number(usage?.user ?? 0n),
      },
      system_cpu_usage: host.nanos,
      online_cpus: host.online,
      throttling_data: {
        periods: number(throttling?.periods ?? 0n),
        throttled_periods: number(throttling?.throttledPeriods ?? 0n),
        throttled_time: number(throttling?.throttledTime ?? 0n),
      },
    },
    memory_stats: {
      usage: number(memory?.usage?.usage ?? 0n),
      max_usage: number(memory?.usage?.max ?? 0n),
      failcnt: number(memory?.usage?.failcnt ?? 0n),
      stats: stat,
      limit: number(limited(memory?.usage?.limit ?? 0n)),
    },
    pids_stats: pids(metrics.pids?.current ?? 0n, metrics.pids?.limit ?? 0n),
    blkio_stats: {
      ...emptyBlkio,
      io_service_bytes_recursive: entries(metrics.blkio?.ioServiceBytesRecursive ?? []),
      io_serviced_recursive: entries(metrics.blkio?.ioServicedRecursive ?? []),
    },
  };
}

function fromV2(metrics: MetricsV2, host: HostCpu): Sample {
  const { cpu, memory } = metrics;
  const io = metrics.io?.usage ?? [];
  const entries = (read: 'rbytes' | 'rios', write: 'wbytes' | 'wios'): object[] =>
    io.flatMap((one) => [
      { major: number(one.major), minor: number(one.minor), op: 'read', value: number(one[read]) },
      { major: number(one.major), minor: number(one.minor), op: 'write', value: number(one[write]) },
    ]);
  return {
    cpu_stats: {
      cpu_usage: {
        total_usage: number((cpu?.usageUsec ?? 0n) * 1000n),
        usage_in_kernelmode: number((cpu?.systemUsec ?? 0n) * 1000n),
        usage_in_usermode: number((cpu?.userUsec ?? 0n) * 1000n),
      },
      system_cpu_usage: host.nanos,
      online_cpus: host.online,
      throttling_data: {
        periods: number(cpu?.nrPeriods ?? 0n),
        throttled_periods: number(cpu?.nrThrottled ?? 0n),
        throttled_time: number((cpu?.throttledUsec ?? 0n) * 1000n),
      },
    },
    memory_stats: {
      usage: number(memory?.usage ?? 0n),
      stats: memory === undefined ? {} : snakeCase(memory),
      limit: number(limited(memory?.usageLimit ?? 0n)),
    },
    pids_stats: pids(metrics.pids?.current ?? 0n, metrics.pids?.limit ?? 0n),
    blkio_stats: { ...emptyBlkio, io_service_bytes_recursive: entries('rbytes', 'wbytes'), io_serviced_recursive: entries('rios', 'wios') },
  };
}

const emptyBlkio = {
  io_service_bytes_recursive: null,
  io_serviced_recursive: null,
  io_queue_recursive: null,
  io_service_time_recursive: null,
  io_wait_time_recursive: null,
  io_merged_recursive: null,
  io_time_recursive: null,
  sectors_recursive: null,
};

/** Of a member of a message; they are the same few dozen for every sample. */
const kernelNames = new Map<string, string>();

/** The kernel's own names of memory.stat: `totalInactiveFile` → `total_inactive_file`; `pgMajFault` is one word there. */
function kernelName(key: string): string {
  let name = kernelNames.get(key);
  if (name === undefined) {
    name = key
      .replace(/[pP]g(PgIn|PgOut|Fault|MajFault)/, (word) => `${word.startsWith('P') ? '_' : ''}${word.toLowerCase()}`)
      .replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    kernelNames.set(key, name);
  }
  return name;
}

function snakeCase(message: object): Record<string, number> {
  const named: Record<string, number> = {};
  for (const [key, value] of Object.entries(message)) if (typeof value === 'bigint') named[kernelName(key)] = number(value);
  return named;
}

/** Counters of each interface of a network namespace (proc_net(5)); `lo` is left out, as docker does. */
export function networkSample(text: string): Record<string, object> {
  const result: Record<string, object> = {};
  for (const line of text.split('\n').slice(2)) {
    const [name = '', rest = ''] = line.split(':');
    const values = rest.trim().split(/\s+/).map(Number);
    if (name.trim() === '' || name.trim() === 'lo' || values.length < 16) continue;
    const [rxBytes, rxPackets, rxErrors, rxDropped, , , , , txBytes, txPackets, txErrors, txDropped] = values;
    result[name.trim()] = {
      rx_bytes: rxBytes,
      rx_packets: rxPackets,
      rx_errors: rxErrors,
      rx_dropped: rxDropped,
      tx_bytes: txBytes,
      tx_packets: txPackets,
      tx_errors: txErrors,
      tx_dropped: txDropped,
    };
  }
  return result;
}

export const emptySample: Sample = {
  cpu_stats: {
    cpu_usage: { total_usage: 0, usage_in_kernelmode: 0, usage_in_usermode: 0 },
    throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
  },
  memory_stats: {},
  pids_stats: {},
  blkio_stats: emptyBlkio,
};
