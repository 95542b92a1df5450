import { StartRequest, UpdateRequest } from '@gantry/api/gantry/engine/v1/containers';
import { invalidArgument, newContext, unavailable } from '@gantry/rpc';
import { createRequest, fakeEngine, type FakeEngine, FakeWorld } from '../../testing/fake-engine';
import { createContainer } from '../create/create';
import { reconcile } from '../recover/reconcile';
import { startContainer } from '../start/start';
import { updateContainer } from './update';

const MIB = 1n << 20n;
const ctx = newContext();

let world: FakeWorld;
let engine: FakeEngine;
let id: string;

beforeEach(async () => {
  world = new FakeWorld();
  engine = fakeEngine(world);
  ({ id } = await createContainer(engine, ctx, createRequest({ name: 'web', hostConfig: {}, config: {} })));
  await startContainer(engine, ctx, StartRequest.create({ id }));
});
afterEach(() => {
  engine.life.restarter.stop();
  engine.stopPersisting();
  engine.records.close();
  world.destroy();
});

const update = (hostConfig: object) => updateContainer(engine, ctx, UpdateRequest.fromPartial({ id, hostConfig }));
const recorded = () => engine.records.requireDocker(id).docker.hostConfig;
/** Memory limits that the task was given. */
const given = (): unknown[] => world.tasks.updates.map(({ memory }) => memory?.limit);
const settled = async (): Promise<void> => {
  while (engine.journal.open().length > 0) await new Promise((resolve) => setTimeout(resolve, 10));
};

test('are those of the record when the task has them', async () => {
  await update({ Memory: 64n * MIB, PidsLimit: 7n });
  expect(given()).toEqual([Number(64n * MIB)]);
  expect(recorded()).toMatchObject({ Memory: 64n * MIB, PidsLimit: 7n });
  expect(engine.journal.open()).toEqual([]);
});

test('what the runtime refuses changes nothing', async () => {
  world.tasks.update = async () => Promise.reject(invalidArgument('too small'));
  await expect(update({ Memory: 6n * MIB })).rejects.toThrow('too small');
  expect(recorded()?.Memory).toBe(0n);
  expect(engine.journal.open()).toEqual([]);
});

test('the next supervisor finishes a change between task and record', async () => {
  Object.assign(engine.journal, {
    end: () => {
      throw new Error('killed');
    },
  });
  await expect(update({ Memory: 64n * MIB, RestartPolicy: { Name: 'always', MaximumRetryCount: 0n } })).rejects.toThrow('killed');
  expect(recorded()?.Memory).toBe(0n);
  engine.records.close();
  engine = fakeEngine(world);
  await reconcile(engine);
  await settled();
  expect(given()).toEqual([Number(64n * MIB), Number(64n * MIB)]);
  expect(recorded()).toMatchObject({ Memory: 64n * MIB, RestartPolicy: { Name: 'always' } });
});

test('one of which nobody knows whether it was made is made before the next', async () => {
  const real = world.tasks.update;
  world.tasks.update = async () => Promise.reject(unavailable('the shim is away'));
  await expect(update({ Memory: 64n * MIB, CpuShares: 5n })).rejects.toThrow('away');
  world.tasks.update = real;
  await update({ Memory: 32n * MIB });
  expect(given()).toEqual([Number(64n * MIB), Number(32n * MIB)]);
  expect(recorded()).toMatchObject({ Memory: 32n * MIB, CpuShares: 5n });
  expect(engine.journal.open()).toEqual([]);
});
