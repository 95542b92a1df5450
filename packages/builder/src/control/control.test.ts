import { PruneCacheRequest } from '@gantry/api/gantry/build/v1/build';
import { SolveRequest } from '@gantry/api/moby/buildkit/v1/control';
import { newContext } from '@gantry/rpc';
import type { UsageRecord } from '../refs/ref';
import { grant } from './entitlements';
import { GatewayForwarder } from './gateway-forwarder';
import { pruneRequest } from './prune-cache';
import { checkCacheExports, currentForm } from './request';
import { usageOf } from './usage';
import { matchingWorkers } from './workers';

const named = (id: string) => newContext({ sent: (key) => (key === 'buildkit-controlapi-buildid' ? [id] : []) });

test('a call of LLBBridge goes to the build that it names, also when that is just being opened', async () => {
  const forwarder = new GatewayForwarder();
  const early = forwarder.handlers().ping(named('one'), {});
  const unregister = forwarder.register('one', { ping: async () => 'pong' } as never);
  expect(await early).toBe('pong');
  expect(() => forwarder.register('one', {} as never)).toThrow('build ID one exists');
  unregister();
  await expect(forwarder.handlers().ping(newContext(), {})).rejects.toThrow('no buildid found in context');
});

test('fields of old clients are moved to where new ones have them', () => {
  const request = currentForm(
    SolveRequest.fromPartial({
      ExporterDeprecated: 'oci',
      ExporterAttrsDeprecated: { dest: 'x' },
      FrontendAttrs: { 'build-arg:SOURCE_DATE_EPOCH': '7' },
      Cache: { ExportRefDeprecated: 'r/a', ExportAttrsDeprecated: { mode: 'max' }, ImportRefsDeprecated: ['r/b'] },
    }),
  );
  expect(request.Exporters).toEqual([{ Type: 'oci', Attrs: { dest: 'x', 'source-date-epoch': '7' } }]);
  expect(request.Cache?.Exports).toEqual([{ Type: 'registry', Attrs: { mode: 'max', ref: 'r/a' } }]);
  expect(request.Cache?.Imports).toEqual([{ Type: 'registry', Attrs: { ref: 'r/b' } }]);
});

test('two places for the cache that are the same are refused', () => {
  const at = (Type: string, Attrs: Record<string, string>) => ({ Type, Attrs });
  expect(() => checkCacheExports([at('registry', { ref: 'a' }), at('registry', { ref: 'b' })])).not.toThrow();
  expect(() => checkCacheExports([at('registry', { ref: 'a', mode: 'max' }), at('registry', { ref: 'a' })])).toThrow(
    'duplicate cache exports [registry]',
  );
  expect(() => checkCacheExports([at('local', { dest: 'a', mode: 'max' }), at('local', { mode: 'max', dest: 'a' })])).toThrow('[local]');
});

test('entitlements are given by name, devices one by one', () => {
  const given = new Set(['network.host', 'device']);
  expect([...grant(['network.host', 'device=vendor.com/x=y'], given)]).toEqual(['network.host', 'device=vendor.com/x=y']);
  expect(() => grant(['security.insecure'], given)).toThrow(
    'granting entitlement security.insecure is not allowed by build daemon configuration',
  );
  expect(() => grant(['all'], given)).toThrow('unknown entitlement all');
});

test('filters of docker become those of the cache', () => {
  const request = (filters: Record<string, string[]>) =>
    PruneCacheRequest.fromPartial({ filters: Object.fromEntries(Object.entries(filters).map(([key, values]) => [key, { values }])) });
  expect(pruneRequest(request({ type: ['regular'], id: ['ab'], private: [] }))).toMatchObject({
    filter: ['id~="ab",type=="regular",private'],
  });
  expect(pruneRequest(request({ until: ['1h30m'] })).keepDuration).toBe(5_400_000_000_000n);
  expect(pruneRequest(request({ until: ['100'] }), 250_000).keepDuration).toBe(150_000_000_000n);
  for (const bad of [{ until: ['x'] }, { until: ['1h'], 'unused-for': ['1h'] }, { id: ['a', 'b'] }, { mutable: ['true'] }])
    expect(() => pruneRequest(request(bad as unknown as Record<string, string[]>))).toThrow();
});

test('what is pruned is told while it goes on, and a failure at its end', async () => {
  const record: UsageRecord = {
    id: 'x',
    mutable: false,
    inUse: false,
    size: 3,
    parents: ['y'],
    createdAt: new Date(0),
    lastUsedAt: undefined,
    usageCount: 1,
    description: 'd',
    type: 'regular',
    shared: true,
  };
  const usage = usageOf({
    usage: async () => [record],
    prune: async (_ctx, wishes, removed) => {
      expect(wishes).toEqual([{ filters: [], all: true, keepMs: 5, reservedSpace: 1, maxUsedSpace: 2, minFreeSpace: 3 }]);
      removed(record);
      await new Promise((resolve) => setImmediate(resolve));
      removed({ ...record, id: 'z' });
      throw new Error('full');
    },
  });
  const told: string[] = [];
  const pruned = async (): Promise<void> => {
    for await (const { ID } of usage.prune(newContext(), {
      filter: [],
      all: true,
      keepDuration: 5_000_000n,
      reservedSpace: 1n,
      maxUsedSpace: 2n,
      minFreeSpace: 3n,
    }))
      told.push(ID);
  };
  await expect(pruned()).rejects.toThrow('full');
  expect(told).toEqual(['x', 'z']);
  expect(await usage.diskUsage(newContext(), { filter: [], ageLimit: 0n })).toMatchObject([{ ID: 'x', Size: 3n, Shared: true }]);
});

test('workers are filtered in containerd’s words', () => {
  const worker = { ID: 'w', Labels: { 'a.b': 'c' } } as never;
  expect(matchingWorkers([worker], ['id==w,labels."a.b"==c'])).toHaveLength(1);
  expect(matchingWorkers([worker], ['id==v'])).toHaveLength(0);
  expect(matchingWorkers([worker], [])).toHaveLength(1);
});
