import { MetricType } from '@gantry/api/runtime/v1/api';
import type { Measured } from './measured';
import { counter, gauge, type Kind, type Row } from './kind';
import type { Resource } from './pressure';

const NANOS = 1_000_000_000n;
const MICROS = 1_000_000n;

/** What the kernel takes where nothing is said. */
const PERIOD = 100_000n;
const SHARES = 1024n;

const perDevice = (name: string, help: string, wanted: string, of: 'bytes' | 'times'): Kind<Measured> => ({
  name,
  help,
  type: MetricType.COUNTER,
  labels: ['device'],
  rows: ({ count, deviceNames }) =>
    count.devices
      .filter(({ operation }) => operation === wanted)
      .map((device): Row => [device[of], deviceNames.get(`${device.major}:${device.minor}`) ?? '']),
});

const ofFilesystem = (name: string, help: string, of: (measured: Measured) => bigint): Kind<Measured> => ({
  name,
  help,
  type: MetricType.GAUGE,
  labels: ['device'],
  rows: (measured) => [[of(measured), measured.filesystem.device]],
});

const hugePages = (name: string, help: string, of: 'usage' | 'max'): Kind<Measured> => ({
  name,
  help,
  type: MetricType.GAUGE,
  labels: ['pagesize'],
  rows: ({ count }) => count.hugePages.map((page): Row => [page[of], page.size]),
});

const pressures = (['cpu', 'io', 'memory'] satisfies Resource[]).flatMap((resource) => [
  counter<Measured>(
    `container_pressure_${resource}_stalled_seconds_total`,
    `Seconds in which no task went on for want of ${resource}`,
    ({ pressure }) => secondsOf(pressure[resource]?.stalled),
  ),
  counter<Measured>(
    `container_pressure_${resource}_waiting_seconds_total`,
    `Seconds in which tasks waited for ${resource}`,
    ({ pressure }) => secondsOf(pressure[resource]?.waiting),
  ),
]);

const secondsOf = (micros: bigint | undefined): bigint | undefined => (micros === undefined ? undefined : micros / MICROS);

/** Told where the processor's time is limited, as by cAdvisor. */
const limited = (of: (measured: Measured) => bigint) => (measured: Measured) =>
  (measured.resources?.cpuQuota ?? 0n) > 0n ? of(measured) : undefined;

/** Of each container. Seconds are whole ones, for CRI's values are integers. */
export const containerKinds: readonly Kind<Measured>[] = [
  {
    name: 'container_cpu_usage_seconds_total',
    help: 'Cumulative processor time in seconds',
    type: MetricType.COUNTER,
    labels: ['cpu'],
    rows: ({ count }) => [[count.cpu.usage / NANOS, 'total']],
  },
  counter(
    'container_cpu_user_seconds_total',
    'Cumulative processor time outside the kernel in seconds',
    ({ count }) => count.cpu.user / NANOS,
  ),
  counter(
    'container_cpu_system_seconds_total',
    'Cumulative processor time in the kernel in seconds',
    ({ count }) => count.cpu.system / NANOS,
  ),
  counter(
    'container_cpu_cfs_periods_total',
    'Periods of the processor limit that have passed',
    limited(({ count }) => count.cpu.periods),
  ),
  counter(
    'container_cpu_cfs_throttled_periods_total',
    'Periods in which it was held up by its processor limit',
    limited(({ count }) => count.cpu.throttledPeriods),
  ),
  counter(
    'container_cpu_cfs_throttled_seconds_total',
    'Seconds for which it was held up by its processor limit',
    limited(({ count }) => count.cpu.throttled / NANOS),
  ),
  gauge('container_memory_usage_bytes', 'Memory in use, caches included, in bytes', ({ count }) => count.memory.usage),
  gauge('container_memory_max_usage_bytes', 'Most memory that was in use, in bytes', ({ count }) => count.memory.max),
  gauge('container_memory_working_set_bytes', 'Memory that cannot be given back, in bytes', ({ count: { memory } }) =>
    memory.usage > memory.inactiveFile ? memory.usage - memory.inactiveFile : 0n,
  ),
  gauge('container_memory_rss', 'Anonymous memory in bytes', ({ count }) => count.memory.rss),
  gauge('container_memory_cache', 'Memory of cached files in bytes', ({ count }) => count.memory.cache),
  gauge('container_memory_mapped_file', 'Memory of mapped files in bytes', ({ count }) => count.memory.mapped),
  gauge('container_memory_swap', 'Swap in use, in bytes', ({ count }) => count.memory.swap),
  gauge('container_memory_kernel_usage', 'Memory that the kernel uses for it, in bytes', ({ count }) => count.memory.kernel),
  counter('container_memory_failcnt', 'How often memory was at its limit', ({ count }) => count.memory.failures),
  {
    name: 'container_memory_failures_total',
    help: 'Cumulative page faults',
    type: MetricType.COUNTER,
    labels: ['failure_type', 'scope'],
    rows: ({ count: { memory } }) =>
      ['container', 'hierarchy'].flatMap((scope): Row[] => [
        [memory.faults, 'pgfault', scope],
        [memory.majorFaults, 'pgmajfault', scope],
      ]),
  },
  counter('container_oom_events_total', 'Processes that the kernel killed for its memory', ({ count }) => count.memory.oomKills),
  hugePages('container_hugetlb_usage_bytes', 'Huge pages in use, in bytes', 'usage'),
  hugePages('container_hugetlb_max_usage_bytes', 'Most huge pages that were in use, in bytes', 'max'),
  ofFilesystem('container_fs_usage_bytes', 'Bytes of the writable layer', ({ layer }) => layer.bytes),
  ofFilesystem('container_fs_limit_bytes', 'Bytes of the file system that the writable layer is on', ({ filesystem }) => filesystem.bytes),
  ofFilesystem('container_fs_inodes_total', 'Inodes of that file system', ({ filesystem }) => filesystem.inodes),
  ofFilesystem('container_fs_inodes_free', 'Inodes of that file system that are free', ({ filesystem }) => filesystem.freeInodes),
  perDevice('container_fs_reads_bytes_total', 'Bytes read from a device', 'Read', 'bytes'),
  perDevice('container_fs_reads_total', 'Reads from a device', 'Read', 'times'),
  perDevice('container_fs_writes_bytes_total', 'Bytes written to a device', 'Write', 'bytes'),
  perDevice('container_fs_writes_total', 'Writes to a device', 'Write', 'times'),
  {
    name: 'container_blkio_device_usage_total',
    help: 'Bytes to and from a device',
    type: MetricType.COUNTER,
    labels: ['device', 'major', 'minor', 'operation'],
    rows: ({ count, deviceNames }) =>
      count.devices.map(({ major, minor, operation, bytes }): Row => {
        const device = `${major}:${minor}`;
        return [bytes, deviceNames.get(device) ?? '', String(major), String(minor), operation];
      }),
  },
  gauge('container_processes', 'Processes', ({ processes }) => processes.processes),
  gauge('container_threads', 'Threads', ({ count, processes }) => (count.pids.current > 0n ? count.pids.current : processes.threads)),
  gauge('container_threads_max', 'Threads that it may have, 0: any number', ({ count }) => count.pids.limit),
  gauge('container_file_descriptors', 'Open files', ({ processes }) => processes.files),
  gauge('container_sockets', 'Open sockets', ({ processes }) => processes.sockets),
  {
    name: 'container_ulimits_soft',
    help: 'Soft limits of its first process, -1: none',
    type: MetricType.GAUGE,
    labels: ['ulimit'],
    rows: ({ processes }) => [[processes.maxOpenFiles, 'max_open_files']],
  },
  ...pressures,
  gauge('container_spec_cpu_period', 'Microseconds of a period of its processor limit', ({ resources }) => resources?.cpuPeriod || PERIOD),
  gauge(
    'container_spec_cpu_quota',
    'Microseconds of processor time that it may take in a period',
    limited(({ resources }) => resources?.cpuQuota ?? 0n),
  ),
  gauge('container_spec_cpu_shares', 'Its share of the processors beside others', ({ resources }) => resources?.cpuShares || SHARES),
  gauge('container_spec_memory_limit_bytes', 'Memory that it may use, 0: any', ({ resources }) => resources?.memoryLimitInBytes ?? 0n),
  gauge('container_spec_memory_reservation_limit_bytes', 'Memory that it is guaranteed, in bytes', ({ resources }) =>
    BigInt(/^\d+$/.exec(resources?.unified['memory.min'] ?? '')?.[0] ?? 0),
  ),
  gauge(
    'container_spec_memory_swap_limit_bytes',
    'Memory and swap that it may use together, 0: any',
    ({ resources }) => resources?.memorySwapLimitInBytes ?? 0n,
  ),
  gauge('container_start_time_seconds', 'When it was started, in seconds since the epoch', ({ startedAt }) => startedAt / NANOS),
  gauge('container_last_seen', 'When it was measured, in seconds since the epoch', ({ timestamp }) => timestamp / NANOS),
];
