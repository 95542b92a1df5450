import { packAny } from '@gantry/api';
import { Metrics as MetricsV1 } from '@gantry/api/io/containerd/cgroups/v1/metrics';
import { Metrics as MetricsV2 } from '@gantry/api/io/containerd/cgroups/v2/metrics';
import { hostCpu, memoryOf, sampleOf } from './sample';

const STAT = 'cpu  10 20 30 40 5 6 7 8 9 10\ncpu0 1 2\ncpu1 1 2\ncpu11 3 4\nintr 77\nctxt 5\ncpufreq 1\n';

test('the machine: what all CPUs worked, how many are online, its memory', () => {
  expect(hostCpu(STAT)).toEqual({ nanos: 118 * 10_000_000, online: 3 });
  expect(hostCpu().online).toBeGreaterThan(0);
  expect(memoryOf('MemFree: 2 kB\nMemTotal:       1024 kB\n'.split('\n').reverse().join('\n'))).toBe(1024n * 1024n);
});

test("a sample has docker's words for what the cgroup counts", () => {
  const host = { nanos: 5, online: 2 };
  const one = MetricsV1.fromPartial({ memory: { totalInactiveFile: 7n, pgMajFault: 3n, usage: { usage: 9n, limit: 99n } } });
  expect(sampleOf(packAny(MetricsV1, one), host)).toMatchObject({
    cpu_stats: { system_cpu_usage: 5, online_cpus: 2 },
    memory_stats: { usage: 9, limit: 99, stats: { total_inactive_file: 7, pgmajfault: 3 } },
  });
  const two = MetricsV2.fromPartial({ cpu: { usageUsec: 4n }, memory: { inactiveFile: 7n, pgmajfault: 3n, thpFaultAlloc: 1n } });
  const sample = sampleOf(packAny(MetricsV2, two), host);
  expect(sample).toMatchObject({
    cpu_stats: { cpu_usage: { total_usage: 4000 }, system_cpu_usage: 5, online_cpus: 2 },
    memory_stats: { stats: { inactive_file: 7, pgmajfault: 3, thp_fault_alloc: 1 } },
  });
  expect((sample?.memory_stats as { limit: number }).limit).toBeGreaterThan(1 << 20); // the machine's, where there is none
});
