import { internal, newContext, unavailable } from '@gantry/rpc';
import { createRequest, fakeEngine, type FakeEngine, FakeWorld } from '../../testing/fake-engine';
import { reconcile } from '../recover/reconcile';
import { createContainer } from './create';

let world: FakeWorld;
let engine: FakeEngine;

beforeEach(() => {
  world = new FakeWorld();
  engine = fakeEngine(world);
});
afterEach(() => {
  engine.life.restarter.stop();
  engine.stopPersisting();
  engine.records.close();
  world.destroy();
});

const create = () =>
  createContainer(engine, newContext(), createRequest({ name: 'web', hostConfig: { Binds: ['data:/data', '/anonymous'] } }));
/** The service that keeps volumes goes away as it is to take one back, and is there again for the next call. */
const diesOnce = (): void => {
  const { releaseReference } = engine.volumes;
  Object.assign(engine.volumes, {
    releaseReference: () => {
      Object.assign(engine.volumes, { releaseReference });
      return Promise.reject(unavailable('it died'));
    },
  });
};
const nothingIsHeld = async (): Promise<void> => {
  for (let tries = 0; engine.journal.open().length > 0 && tries < 500; tries++) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(engine.journal.open()).toEqual([]);
  expect([...world.volumes]).toEqual([['data', new Set()]]);
  expect([...world.snapshots, ...world.leases]).toEqual([]);
};

it('gives back later what could not be when a step failed, and the name at once', async () => {
  diesOnce();
  Object.assign(engine.volumes, { populate: () => Promise.reject(internal('no room')) });
  await expect(create()).rejects.toThrow('no room');
  expect(engine.records.names.holder('web')).toBeUndefined();
  expect(engine.journal.open()).toHaveLength(1);
  await nothingIsHeld();
});

it('gives back later what a new process could not at its start', async () => {
  const populating = Promise.withResolvers<void>();
  Object.assign(engine.volumes, {
    populate: () => {
      populating.resolve();
      return new Promise(() => undefined);
    },
  });
  create().catch(populating.reject);
  await populating.promise;
  engine.records.close();
  engine = fakeEngine(world);
  diesOnce();
  await reconcile(engine);
  expect(engine.records.names.holder('web')).toBeUndefined();
  expect(engine.journal.open()).toHaveLength(1);
  await nothingIsHeld();
});
