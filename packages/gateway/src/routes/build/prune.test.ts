import type { PruneCacheRequest } from '@gantry/api/gantry/build/v1/build';
import { UsageRecord } from '@gantry/api/moby/buildkit/v1/control';
import { type GatewayFixture, startGateway } from '../../testing/gateway';

let gateway: GatewayFixture;
const asked: PruneCacheRequest[] = [];
beforeAll(async () => {
  gateway = await startGateway({
    system: {
      getDiskUsage: async () => ({ layersSize: 0n, images: [], containers: [], volumes: [] }),
    },
    builder: {
      build: {
        pruneCache: async (_ctx, request) => {
          asked.push(request);
          return { deleted: request.all ? ['a', 'b'] : [], reclaimed: request.all ? 7n : 0n };
        },
      },
      control: {
        diskUsage: async () => ({
          record: [UsageRecord.fromPartial({ ID: 'x', Parents: ['y'], Size: 5n, RecordType: 'regular', UsageCount: 2n })],
        }),
      },
    },
  });
});
afterAll(() => gateway.close());

test('what was taken away is told, and nothing is null', async () => {
  const filters = encodeURIComponent('{"until":["24h"]}');
  const some = await gateway.ask('POST', `/v1.48/build/prune?all=1&filters=${filters}&reserved-space=5&max-used-space=6&min-free-space=7`);
  expect(some.json()).toEqual({ CachesDeleted: ['a', 'b'], SpaceReclaimed: 7 });
  expect(asked.at(-1)).toEqual({
    all: true,
    filters: { until: { values: ['24h'] } },
    reservedSpace: 5n,
    maxUsedSpace: 6n,
    minFreeSpace: 7n,
  });
  expect((await gateway.ask('POST', '/v1.48/build/prune')).json()).toEqual({ CachesDeleted: null, SpaceReclaimed: 0 });
});

test('before 1.48 there is one limit, by its old name; a value that is no number is refused', async () => {
  await gateway.ask('POST', '/v1.47/build/prune?keep-storage=9&reserved-space=5&max-used-space=6');
  expect(asked.at(-1)).toMatchObject({ reservedSpace: 9n, maxUsedSpace: 0n });
  const refused = await gateway.ask('POST', '/v1.48/build/prune?min-free-space=lots');
  expect([refused.status, refused.json()]).toEqual([400, { message: 'min-free-space is in bytes and expects an integer, got lots' }]);
});

test('the build cache is a part of the disk usage', async () => {
  expect((await gateway.ask('GET', '/v1.50/system/df?type=build-cache')).json()).toMatchObject({
    Images: null,
    BuildCache: [{ ID: 'x', ' Parents': ['y'], Type: 'regular', Size: 5, LastUsedAt: null, UsageCount: 2 }],
  });
  expect((await gateway.ask('GET', '/v1.41/system/df')).json()).toMatchObject({ BuilderSize: 5 });
  expect((await gateway.ask('GET', '/v1.50/system/df?type=image')).json()).toMatchObject({ BuildCache: null });
});
