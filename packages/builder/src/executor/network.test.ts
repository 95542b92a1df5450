import { newContext } from '@gantry/rpc';
import type { StepNetwork } from './executor';
import { placeInNetwork } from './network';

const networks = [
  { id: 'b1', name: 'bridge', predefined: true, endpoints: [{ sandboxId: 'on-bridge' }] },
  { id: 'm1', name: 'mine', predefined: false, endpoints: [{ sandboxId: 'on-mine' }] },
];
const pids: Readonly<Record<string, number>> = { 'on-bridge': 7, 'on-mine': 8, made: 0 };

const place = (network: StepNetwork, { served = true, defaultBridge = true } = {}) =>
  placeInNetwork(
    {
      network: served ? ({ listNetworks: () => Promise.resolve({ networks }) } as never) : undefined,
      tasks: {
        get: (_ctx: unknown, { containerId }: { containerId: string }) => Promise.resolve({ process: { pid: pids[containerId] ?? 0 } }),
      } as never,
      inStore: (ctx) => ctx,
      settings: { withoutNetworkService: 'host', defaultBridge } as never,
    },
    newContext(),
    { network },
  );

test.each([
  ['none', {}],
  ['host', { isHost: true }],
  ['default', { connectTo: 'bridge' }],
  [{ name: 'mine' }, { connectTo: 'm1', embeddedDns: true }],
  [{ name: 'm1' }, { connectTo: 'm1', embeddedDns: true }],
  [{ name: 'bridge' }, { connectTo: 'b1' }],
  [{ of: 'on-bridge' }, { namespace: '/proc/7/ns/net' }],
  [{ of: 'on-mine' }, { namespace: '/proc/8/ns/net', embeddedDns: true }],
] as const)('a step on %j', async (network, expected) => {
  expect(await place(network)).toEqual({ namespace: undefined, isHost: false, connectTo: undefined, embeddedDns: false, ...expected });
});

test('an engine without a default bridge has steps without a network', async () =>
  expect(await place('default', { defaultBridge: false })).toMatchObject({ isHost: false, connectTo: undefined }));

test('what is not there is told, and so is that nothing serves networks', async () => {
  await expect(place({ name: 'nowhere' })).rejects.toMatchObject({
    kind: 'notFound',
    message: 'failed to set up container networking: network nowhere not found',
  });
  await expect(place({ of: 'made' })).rejects.toMatchObject({ kind: 'failedPrecondition' });
  await expect(place({ name: 'mine' }, { served: false })).rejects.toMatchObject({ kind: 'failedPrecondition' });
  expect((await place('default', { served: false })).isHost).toBe(true);
});
