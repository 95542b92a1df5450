import { Volume } from '@gantry/api/gantry/images/v1/images';
import { Container as DockerContainer } from '@gantry/api/gantry/engine/v1/record';
import { newContext, notFound } from '@gantry/rpc';
import { memoryEvents } from '../events/testing/memory-events';
import { type VolumesNeeds, volumesHandlers } from './service';

function setUp(change: Partial<Volume> = {}) {
  const stored = new Map(
    ['used', 'free'].map((name) => [
      name,
      Volume.fromPartial({ name, driver: 'local', labels: { kind: name }, mountpoint: `/v/${name}`, ...change }),
    ]),
  );
  const events = memoryEvents();
  const find = (name: string): Volume => {
    const found = stored.get(name);
    if (found === undefined) throw notFound(`get ${name}: no such volume`);
    return found;
  };
  const volumes = {
    listVolumes: async () => ({ volumes: [...stored.values()] }),
    getVolume: async (_ctx: unknown, { name }: { name: string }) => ({ volume: find(name) }),
    createVolume: async (_ctx: unknown, request: { name: string }) => ({
      volume: Volume.fromPartial(request),
      created: !stored.has(request.name),
    }),
    removeVolume: async (_ctx: unknown, { name }: { name: string }) => (stored.delete(name), {}),
    pruneVolumes: async () => ({ names: ['free'], spaceReclaimed: 7n }),
  };
  const user = { id: 'c1', docker: DockerContainer.fromPartial({ volumeNames: ['used'] }) };
  const handlers = volumesHandlers({
    events,
    volumes: volumes as unknown as VolumesNeeds['volumes'],
    records: { listDocker: () => [user] },
  });
  const told = async (): Promise<string[]> => {
    const seen: string[] = [];
    for await (const { event } of events.subscribe({ until: 2n ** 62n }, AbortSignal.timeout(20)).events)
      seen.push(`${event.Action} ${event.Actor?.ID}`);
    return seen;
  };
  return { handlers, told };
}

const ctx = newContext();

test.each([
  [{}, ['used', 'free']],
  [{ dangling: ['true'] }, ['free']],
  [{ dangling: ['0'] }, ['used']],
  [{ label: ['kind=free'] }, ['free']],
  [{ name: ['us'] }, ['used']],
  [{ driver: ['nfs'] }, []],
])('list %j', async (filters, wanted) => {
  const map = Object.fromEntries(Object.entries(filters).map(([key, list]) => [key, { values: list as string[] }]));
  const { volumes } = await setUp().handlers.listVolumes(ctx, { filters: map });
  expect(volumes.map(({ Name }) => Name)).toEqual(wanted);
});

test('a volume in use stays, a missing one is an error unless forced', async () => {
  const { handlers, told } = setUp();
  await expect(handlers.removeVolume(ctx, { name: 'used', force: true })).rejects.toMatchObject({
    kind: 'conflict',
    message: 'remove used: volume is in use - [c1]',
  });
  await expect(handlers.removeVolume(ctx, { name: 'none', force: false })).rejects.toMatchObject({
    kind: 'notFound',
    message: 'get none: no such volume',
  });
  expect(await handlers.removeVolume(ctx, { name: 'none', force: true })).toEqual({});
  await handlers.removeVolume(ctx, { name: 'free', force: false });
  expect(await told()).toEqual(['destroy free']);
});

test.each([
  ['a b', 'local', 'invalidArgument', 'includes invalid characters for a local volume name'],
  ['a', 'local', 'invalidArgument', 'volume name is too short'],
])('create %s with driver %s is refused', async (Name, Driver, kind, message) => {
  const options = { Name, Driver, DriverOpts: {}, Labels: {} };
  await expect(setUp().handlers.createVolume(ctx, { options })).rejects.toMatchObject({ kind, message: expect.stringContaining(message) });
});

test('only a volume that was not there tells its creation; prune tells each and the sum', async () => {
  const { handlers, told } = setUp();
  const options = { Driver: '', DriverOpts: {}, Labels: {} };
  await handlers.createVolume(ctx, { options: { ...options, Name: 'used' } });
  await handlers.createVolume(ctx, { options: { ...options, Name: 'fresh' } });
  await handlers.pruneVolumes(ctx, { filters: {} });
  expect(await told()).toEqual(['create fresh', 'destroy free', 'prune ']);
});

test('when a volume was made is told to the second', async () => {
  const { handlers } = setUp({ createdAt: '2026-01-02T03:04:05.678901Z' });
  expect((await handlers.inspectVolume(ctx, { name: 'used' })).volume?.CreatedAt).toBe('2026-01-02T03:04:05Z');
});
