import { type MetricDescriptor, MetricType, type PodSandboxMetrics } from '@gantry/api/runtime/v1/api';
import type { Pod } from '../../sandboxes/pod';
import type { InterfaceCount } from '../interfaces';
import type { StatsOf } from '../container';
import { containerKinds } from './container-kinds';
import { descriptorOf, type Kind, metricsOfKinds } from './kind';
import type { Measured } from './measured';

const words = { bytes: 'Bytes', packets: 'Packets', errors: 'Errors', packets_dropped: 'Packets dropped' } as const;

const interfaceKinds: readonly Kind<InterfaceCount>[] = (['receive', 'transmit'] as const).flatMap((way) =>
  (Object.keys(words) as (keyof typeof words)[]).map((word): Kind<InterfaceCount> => ({
    name: `container_network_${way}_${word}_total`,
    help: `${words[word]} ${way === 'receive' ? 'received' : 'sent'}`,
    type: MetricType.COUNTER,
    labels: ['interface'],
    rows: ({ name, received, sent }) => [[(way === 'receive' ? received : sent)[word === 'packets_dropped' ? 'dropped' : word], name]],
  })),
);

/** cAdvisor's names: kubelet passes them on as its own. */
export const descriptors: readonly MetricDescriptor[] = [...containerKinds, ...interfaceKinds].map(descriptorOf);

/** What a pod and its containers use, as rows of these metrics. */
export function metricsOf(
  { id, config: { metadata } }: Pick<Pod, 'id' | 'config'>,
  interfaces: readonly InterfaceCount[],
  containers: readonly { readonly of: StatsOf; readonly measured: Measured }[],
): PodSandboxMetrics {
  const labels = (container: string, of: string, image: string): string[] => [
    container,
    of,
    image,
    of,
    metadata?.namespace ?? '',
    metadata?.name ?? '',
  ];
  const timestamp = containers[0]?.measured.timestamp ?? 0n;
  return {
    podSandboxId: id,
    metrics: interfaces.flatMap((each) => metricsOfKinds(interfaceKinds, each, { timestamp, labels: labels('', id, '') })),
    containerMetrics: containers.map(({ of: { container }, measured }) => {
      const { id: containerId, config, record } = container;
      const values = labels(config.metadata?.name ?? '', containerId, record.image);
      return { containerId, metrics: metricsOfKinds(containerKinds, measured, { timestamp: measured.timestamp, labels: values }) };
    }),
  };
}
