import {
  type ContainerStats,
  type Metric,
  type MetricDescriptor,
  MetricType,
  type PodSandboxMetrics,
  type PodSandboxStats,
} from '@gantry/api/runtime/v1/api';

type Value = { readonly value: bigint } | undefined;

interface Kind<Of> {
  readonly name: string;
  readonly help: string;
  readonly type: MetricType;
  readonly of: (of: Of) => Value;
}

/** cAdvisor's names: kubelet passes them on as its own. */
const LABELS = ['id', 'namespace', 'pod', 'container'];
const NANOS = 1_000_000_000n;

const ofContainers: readonly Kind<ContainerStats>[] = [
  {
    name: 'container_cpu_usage_seconds_total',
    help: 'Cumulative processor time in seconds',
    type: MetricType.COUNTER,
    of: ({ cpu }) => (cpu?.usageCoreNanoSeconds === undefined ? undefined : { value: cpu.usageCoreNanoSeconds.value / NANOS }),
  },
  {
    name: 'container_memory_usage_bytes',
    help: 'Memory in use, caches included, in bytes',
    type: MetricType.GAUGE,
    of: ({ memory }) => memory?.usageBytes,
  },
  {
    name: 'container_memory_working_set_bytes',
    help: 'Memory that cannot be given back, in bytes',
    type: MetricType.GAUGE,
    of: ({ memory }) => memory?.workingSetBytes,
  },
  { name: 'container_memory_rss', help: 'Anonymous memory in bytes', type: MetricType.GAUGE, of: ({ memory }) => memory?.rssBytes },
  {
    name: 'container_fs_usage_bytes',
    help: 'Bytes of the writable layer',
    type: MetricType.GAUGE,
    of: ({ writableLayer }) => writableLayer?.usedBytes,
  },
  {
    name: 'container_fs_inodes_used',
    help: 'Inodes of the writable layer',
    type: MetricType.GAUGE,
    of: ({ writableLayer }) => writableLayer?.inodesUsed,
  },
];

type Interface = NonNullable<NonNullable<PodSandboxStats['linux']>['network']>['interfaces'][number];

const ofInterfaces: readonly Kind<Interface>[] = (
  [
    ['receive_bytes', 'Bytes received', ({ rxBytes }) => rxBytes],
    ['receive_errors', 'Errors while receiving', ({ rxErrors }) => rxErrors],
    ['transmit_bytes', 'Bytes sent', ({ txBytes }) => txBytes],
    ['transmit_errors', 'Errors while sending', ({ txErrors }) => txErrors],
  ] as const satisfies readonly (readonly [string, string, (of: Interface) => Value])[]
).map(([name, help, of]) => ({ name: `container_network_${name}_total`, help, type: MetricType.COUNTER, of }));

export const descriptors: readonly MetricDescriptor[] = [
  ...ofContainers.map(({ name, help }) => ({ name, help, labelKeys: LABELS })),
  ...ofInterfaces.map(({ name, help }) => ({ name, help, labelKeys: [...LABELS, 'interface'] })),
];

/** What a pod and its containers use, as rows of these metrics. */
export function metricsOf({ attributes, linux }: PodSandboxStats): PodSandboxMetrics {
  const { id = '', metadata } = attributes ?? {};
  const labels = (of: string, container: string): string[] => [of, metadata?.namespace ?? '', metadata?.name ?? '', container];
  const { network, containers = [] } = linux ?? {};
  return {
    podSandboxId: id,
    metrics: (network?.interfaces ?? []).flatMap((each) =>
      rows(ofInterfaces, each, network?.timestamp ?? 0n, [...labels(id, ''), each.name]),
    ),
    containerMetrics: containers.map((stats) => {
      const containerId = stats.attributes?.id ?? '';
      const values = labels(containerId, stats.attributes?.metadata?.name ?? '');
      return { containerId, metrics: rows(ofContainers, stats, stats.cpu?.timestamp ?? 0n, values) };
    }),
  };
}

function rows<Of>(kinds: readonly Kind<Of>[], of: Of, timestamp: bigint, labelValues: string[]): Metric[] {
  return kinds.flatMap((kind) => {
    const value = kind.of(of);
    return value === undefined ? [] : [{ name: kind.name, timestamp, metricType: kind.type, labelValues, value }];
  });
}
