import { BuildImageRequest } from '@gantry/api/gantry/build/v1/build';
import { SolveRequest } from '@gantry/api/moby/buildkit/v1/control';
import { CACHE_SOURCES, readCacheSources } from '../frontend/dockerfile/classic/cache-sources';
import { classicRequest, classicSolve, stepWishes } from './classic-request';

const request = (more: Parameters<typeof BuildImageRequest.fromPartial>[0]) => BuildImageRequest.fromPartial(more);

test('a session is refused by name', () => {
  expect(() => classicRequest(request({ session: 's' }))).toThrow('a session is for version=2');
});

test('the bridge is the network that builds have, and a cgroup parent goes to the steps', () => {
  expect(classicRequest(request({ networkMode: 'bridge' })).networkMode).toBe('default');
  const asked = request({ resources: { cgroupParent: '/x' }, buildArgs: [{ name: 'A', value: '1' }, { name: 'B' }] });
  const solve = classicSolve(SolveRequest.fromPartial({}), asked, { teller: 't', wishes: 'n' });
  expect([solve.Frontend, solve.FrontendAttrs]).toEqual([
    'classic.v0',
    { 'classic-teller': 't', 'gantry.build.step-wishes': 'n', 'classic-args': 'A,B', 'cgroup-parent': '/x' },
  ]);
});

test('what counts of the cache goes to the frontend', () => {
  const sources = { chains: [['sha256:a']], whole: true };
  const { FrontendAttrs } = classicSolve(SolveRequest.fromPartial({}), request({}), { teller: 't', sources });
  expect(readCacheSources(FrontendAttrs[CACHE_SOURCES])).toEqual(sources);
});

test.each([
  ['', undefined],
  ['default', undefined],
  ['bridge', undefined],
  ['host', undefined],
  ['none', undefined],
  ['mine', { name: 'mine' }],
  ['container:1', { of: '1' }],
])('commands with the network %j', (networkMode, network) => {
  expect(stepWishes(request({ networkMode }))).toEqual(network === undefined ? undefined : { network });
});

test('limits go to the containers of the commands, and a cgroup parent alone is none', () => {
  const resources = { memory: 64n, memorySwap: -1n, cpuShares: 2n, cpuPeriod: 3n, cpuQuota: 4n, cpusetCpus: '0', cpusetMems: '1' };
  expect(stepWishes(request({ resources }))?.limits).toMatchObject({
    Memory: 64n,
    MemorySwap: -1n,
    CpuShares: 2n,
    CpuPeriod: 3n,
    CpuQuota: 4n,
    CpusetCpus: '0',
    CpusetMems: '1',
  });
  expect(stepWishes(request({ resources: { cgroupParent: '/x' } }))).toBeUndefined();
});
