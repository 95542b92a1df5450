import { packAny } from '@gantry/api';
import { Metrics as V1 } from '@gantry/api/io/containerd/cgroups/v1/metrics';
import { Metrics as V2 } from '@gantry/api/io/containerd/cgroups/v2/metrics';
import { Container } from '@gantry/api/containerd/services/containers/v1/containers';
import { ContainerConfig, LinuxContainerResources, PodSandboxConfig } from '@gantry/api/runtime/v1/api';
import type { StatsOf } from '../container';
import { countOf } from '../cgroup';
import { parseInterfaces } from '../interfaces';
import { sourceOf } from './filesystem';
import { LABELS } from './kind';
import type { Measured } from './measured';
import { descriptors, metricsOf } from './metrics';
import { parsePressure } from './pressure';

const one = packAny(
  V1,
  V1.fromPartial({
    cpu: {
      usage: { total: 3_500_000_000n, user: 2_000_000_000n, kernel: 1_000_000_000n },
      throttling: { periods: 7n, throttledPeriods: 2n },
    },
    memory: {
      usage: { usage: 10n, max: 12n, failcnt: 1n },
      swap: { usage: 13n },
      kernel: { usage: 4n },
      totalRss: 5n,
      totalInactiveFile: 3n,
    },
    pids: { current: 2n, limit: 9n },
    blkio: {
      ioServiceBytesRecursive: [
        { op: 'Read', major: 8n, minor: 0n, value: 4096n },
        { op: 'Total', major: 8n, minor: 0n, value: 4096n },
      ],
      ioServicedRecursive: [{ op: 'Read', major: 8n, minor: 0n, value: 1n }],
    },
    memoryOomControl: { oomKill: 1n },
  }),
);
const two = packAny(
  V2,
  V2.fromPartial({
    cpu: { usageUsec: 3_500_000n, userUsec: 2_000_000n, systemUsec: 1_000_000n, nrPeriods: 7n, nrThrottled: 2n },
    memory: { usage: 10n, maxUsage: 12n, swapUsage: 3n, slab: 3n, kernelStack: 1n, anon: 5n, inactiveFile: 3n },
    memoryEvents: { max: 1n, oomKill: 1n },
    pids: { current: 2n, limit: 9n },
    io: { usage: [{ major: 8n, minor: 0n, rbytes: 4096n, rios: 1n, wbytes: 0n, wios: 0n }] },
  }),
);
const resources = LinuxContainerResources.fromPartial({ cpuQuota: 20_000n, memoryLimitInBytes: 64n });
const measuredOf = (data: typeof one): Measured => ({
  count: countOf(data),
  layer: { bytes: 77n },
  filesystem: { device: '/dev/vda1', bytes: 1000n, inodes: 100n, freeInodes: 50n },
  processes: { processes: 1n, threads: 1n, files: 3n, sockets: 1n, maxOpenFiles: 1024n },
  pressure: { cpu: { waiting: 2_000_000n, stalled: 1_000_000n } },
  deviceNames: new Map([['8:0', '/dev/sda']]),
  resources,
  startedAt: 5_000_000_000n,
  timestamp: 9_000_000_000n,
});
const pod = { id: 'p', config: PodSandboxConfig.fromPartial({ metadata: { name: 'web', namespace: 'default' } }) };
const container = {
  id: 'c',
  config: ContainerConfig.fromPartial({ metadata: { name: 'main' } }),
  record: Container.fromPartial({ image: 'box:1' }),
};
const of = { container } as unknown as StatsOf;
const dev = 'Inter-|   Receive\n face |bytes\n    lo: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n  eth0: 70 7 1 2 0 0 0 0 90 9 3 4 0 0 0 0\n';

test.each([
  ['1', one],
  ['2', two],
])('cgroup v%s: a container is told by cAdvisor’s names, each with the labels that its descriptor has', (_version, data) => {
  const { metrics, containerMetrics } = metricsOf(pod, parseInterfaces(dev).slice(-1), [{ of, measured: measuredOf(data) }]);
  const rows = containerMetrics[0]?.metrics ?? [];
  const value = (name: string) => rows.filter((row) => row.name === `container_${name}`).map((row) => row.value?.value);
  expect(value('cpu_usage_seconds_total')).toEqual([3n]);
  expect(value('cpu_user_seconds_total')).toEqual([2n]);
  expect(value('cpu_cfs_throttled_periods_total')).toEqual([2n]);
  expect(value('memory_working_set_bytes')).toEqual([7n]);
  expect(value('memory_swap')).toEqual([3n]);
  expect(value('memory_kernel_usage')).toEqual([4n]);
  expect(value('memory_failcnt')).toEqual([1n]);
  expect(value('oom_events_total')).toEqual([1n]);
  expect(value('fs_reads_bytes_total')).toEqual([4096n]);
  expect(value('fs_reads_total')).toEqual([1n]);
  expect(value('fs_usage_bytes')).toEqual([77n]);
  expect(value('threads_max')).toEqual([9n]);
  expect(value('pressure_cpu_stalled_seconds_total')).toEqual([1n]);
  expect(value('pressure_io_stalled_seconds_total')).toEqual([]);
  expect(value('spec_cpu_period')).toEqual([100_000n]);
  expect(value('spec_cpu_quota')).toEqual([20_000n]);
  expect(value('spec_cpu_shares')).toEqual([1024n]);
  expect(value('start_time_seconds')).toEqual([5n]);
  expect(rows.find(({ name }) => name === 'container_blkio_device_usage_total')?.labelValues).toEqual([
    'main',
    'c',
    'box:1',
    'c',
    'default',
    'web',
    '/dev/sda',
    '8',
    '0',
    'Read',
  ]);
  expect(metrics.map((row) => row.value?.value)).toEqual([70n, 7n, 1n, 2n, 90n, 9n, 3n, 4n]);
  const keys = new Map(descriptors.map(({ name, labelKeys }) => [name, labelKeys.length]));
  for (const { name, labelValues, timestamp } of [...metrics, ...rows]) {
    expect([name, labelValues.length]).toEqual([name, keys.get(name)]);
    expect(timestamp).toBe(9_000_000_000n);
  }
});

test('where the processor is not limited its limit is not told', () => {
  const free = { ...measuredOf(one), resources: undefined };
  const names = metricsOf(pod, [], [{ of, measured: free }]).containerMetrics[0]?.metrics.map(({ name }) => name);
  for (const name of ['container_cpu_cfs_periods_total', 'container_spec_cpu_quota']) expect(names).not.toContain(name);
  expect(names).toContain('container_spec_cpu_shares');
});

test('each descriptor says what it is, once', () => {
  expect(new Set(descriptors.map(({ name }) => name)).size).toBe(descriptors.length);
  for (const { help, labelKeys } of descriptors) {
    expect(help).not.toBe('');
    expect(labelKeys.slice(0, LABELS.length)).toEqual(LABELS);
  }
});

test('a file system is the last of the longest mounts above a path', () => {
  const lines = [
    '1 0 8:1 / / rw - ext4 /dev/sda1 rw',
    '2 1 8:2 / /var rw - ext4 /dev/sda2 rw',
    '3 2 0:9 / /var/library rw - tmpfs other rw',
  ];
  expect(sourceOf(lines.join('\n'), '/var/lib/gantry')).toBe('/dev/sda2');
  expect(sourceOf(lines.join('\n'), '/opt')).toBe('/dev/sda1');
});

test('pressure is told in microseconds, and not at all where the kernel does not count it', () => {
  const text = 'some avg10=0.00 avg60=0.00 avg300=0.00 total=12\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=3\n';
  expect(parsePressure(text)).toEqual({ waiting: 12n, stalled: 3n });
  expect(parsePressure('')).toBeUndefined();
});
