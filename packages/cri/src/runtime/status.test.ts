import { newContext } from '@gantry/rpc';
import { runtimeStatus, type StatusNeeds } from './status';

const asked: number[] = [];
const answer = (value: object) => (_ctx: unknown, _request: unknown, options?: { timeoutMs?: number }) => {
  asked.push(options?.timeoutMs ?? 0);
  return Promise.resolve(value);
};

test('services may be as slow as kubelet bears, which gives a runtime up after 30 s', async () => {
  const needs = {
    services: {
      containers: { list: answer({ containers: [] }) },
      imageStore: { getInfo: answer({}) },
      network: { getNetwork: answer({}) },
      cni: { getPodNetworkStatus: answer({ networkName: '' }) },
    },
    config: { 'pod-network': 'bridge', 'cgroup-driver': 'systemd', namespace: 'k8s.io' },
    features: { list: () => Promise.resolve([]) },
    version: '1',
    podCidr: '',
  } as unknown as StatusNeeds;
  const { status } = await runtimeStatus(needs, newContext({ namespace: '' }), false);
  expect(status?.conditions.map(({ status: ready }) => ready)).toEqual([true, true]);
  expect(asked).toHaveLength(4);
  expect(Math.min(...asked)).toBeGreaterThanOrEqual(15_000);
  expect(Math.max(...asked)).toBeLessThan(30_000);
});
