import { PodSandboxStats } from '@gantry/api/runtime/v1/api';
import { descriptors, metricsOf } from './metrics';

test('rows have the labels that their descriptors name', () => {
  const stats = PodSandboxStats.fromPartial({
    attributes: { id: 'p', metadata: { name: 'web', namespace: 'default' } },
    linux: {
      network: { timestamp: 5n, interfaces: [{ name: 'eth0', rxBytes: { value: 7n } }] },
      containers: [
        {
          attributes: { id: 'c', metadata: { name: 'main' } },
          cpu: { timestamp: 6n, usageCoreNanoSeconds: { value: 3_500_000_000n } },
          memory: { workingSetBytes: { value: 9n } },
        },
      ],
    },
  });
  const { podSandboxId, metrics, containerMetrics } = metricsOf(stats);
  expect(podSandboxId).toBe('p');
  expect(metrics).toEqual([
    {
      name: 'container_network_receive_bytes_total',
      timestamp: 5n,
      metricType: 0,
      labelValues: ['p', 'default', 'web', '', 'eth0'],
      value: { value: 7n },
    },
  ]);
  expect(containerMetrics[0]?.metrics.map(({ name, value }) => [name, value?.value])).toEqual([
    ['container_cpu_usage_seconds_total', 3n],
    ['container_memory_working_set_bytes', 9n],
  ]);
  const keys = new Map(descriptors.map(({ name, labelKeys }) => [name, labelKeys.length]));
  for (const { name, labelValues } of [...metrics, ...(containerMetrics[0]?.metrics ?? [])])
    expect(labelValues).toHaveLength(keys.get(name) ?? 0);
});
