import { SolveRequest } from '@gantry/api/moby/buildkit/v1/control';
import { internal, newContext } from '@gantry/rpc';
import type { ControlParts } from './needs';
import { solve } from './solve';

test('a build can be found before anything is looked at for it', async () => {
  const order: string[] = [];
  const job = { endProgress: () => undefined, close: async () => void order.push('close') };
  const parts = {
    entitlements: new Set(),
    exporters: [],
    cacheExporters: new Map(),
    processors: () => [],
    jobs: { open: () => (order.push('open'), job) },
    lookAtDevices: () => (order.push('look'), Promise.reject(internal('the devices cannot be read'))),
    collectSoon: () => undefined,
  } as unknown as ControlParts;
  await expect(solve(parts, newContext(), SolveRequest.fromPartial({ Ref: 'r', Internal: true }))).rejects.toThrow(
    'the devices cannot be read',
  );
  expect(order).toEqual(['open', 'look', 'close']);
});
