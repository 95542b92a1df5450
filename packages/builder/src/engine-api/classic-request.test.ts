import { BuildImageRequest } from '@gantry/api/gantry/build/v1/build';
import { SolveRequest } from '@gantry/api/moby/buildkit/v1/control';
import { classicRequest, classicSolve, stepNetwork } from './classic-request';

const request = (more: Parameters<typeof BuildImageRequest.fromPartial>[0]) => BuildImageRequest.fromPartial(more);

test.each([
  [{ resources: { memory: 1n } }, 'a build with memory is not'],
  [{ resources: { memorySwap: -1n } }, 'a build with memswap is not'],
  [{ resources: { cpusetCpus: '0' } }, 'a build with cpusetcpus is not'],
  [{ session: 's' }, 'a session is for version=2'],
])('%j is refused by name', (more, message) => {
  expect(() => classicRequest(request(more))).toThrow(message);
});

test('the bridge is the network that builds have, and a cgroup parent goes to the steps', () => {
  expect(classicRequest(request({ networkMode: 'bridge' })).networkMode).toBe('default');
  const asked = request({ resources: { cgroupParent: '/x' }, buildArgs: [{ name: 'A', value: '1' }, { name: 'B' }] });
  const solve = classicSolve(SolveRequest.fromPartial({}), asked, { teller: 't', network: 'n' });
  expect([solve.Frontend, solve.FrontendAttrs]).toEqual([
    'classic.v0',
    { 'classic-teller': 't', 'gantry.build.step-network': 'n', 'classic-args': 'A,B', 'cgroup-parent': '/x' },
  ]);
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
  expect(stepNetwork({ networkMode })).toEqual(network);
});
