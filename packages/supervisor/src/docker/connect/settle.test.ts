import { EndpointSettings } from '@gantry/api/gantry/engine/v1/types';
import { StartRequest } from '@gantry/api/gantry/engine/v1/containers';
import { Network } from '@gantry/api/gantry/network/v1/network';
import { internal, newContext, unavailable } from '@gantry/rpc';
import { createRequest, fakeEngine, type FakeEngine, FakeWorld } from '../../testing/fake-engine';
import { createContainer } from '../create/create';
import { reconcile } from '../recover/reconcile';
import { startContainer } from '../start/start';
import { renameContainer } from '../update/rename';
import { containerNetworks } from './engine-network';

let world: FakeWorld;
let engine: FakeEngine;
let id: string;
const ctx = newContext();
const other = Network.fromPartial({ id: 'other', name: 'other', driver: 'bridge' });

beforeEach(async () => {
  world = new FakeWorld();
  engine = fakeEngine(world);
  ({ id } = await createContainer(engine, ctx, createRequest({ name: 'web' })));
  await startContainer(engine, ctx, StartRequest.create({ id }));
});
afterEach(() => {
  engine.life.restarter.stop();
  engine.stopPersisting();
  engine.records.close();
  world.destroy();
});

const connect = () => containerNetworks(engine).connect(ctx, { container: 'web', network: other, settings: EndpointSettings.create() });
const disconnect = () => containerNetworks(engine).disconnect(ctx, { container: 'web', network: other, force: false });
const rename = () => renameContainer(engine, ctx, { id: 'web', name: 'shop' });
/** What the record says, and what the network service has. */
const both = () => [Object.keys(engine.records.requireDocker(id).docker.endpoints).sort(), [...(world.sandboxes.get(id) ?? [])].sort()];
const until = async (check: () => void): Promise<void> => {
  for (let tries = 0; ; tries++) {
    try {
      return check();
    } catch (error) {
      if (tries > 300) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
};

/** The process ends as the network service answers a call that it has made. */
async function dieBehind(method: 'connect' | 'disconnect' | 'renameSandbox', act: () => Promise<unknown>): Promise<void> {
  const { network, journal, records } = engine;
  const made = Promise.withResolvers<void>();
  const whole = network[method] as (...args: unknown[]) => Promise<unknown>;
  Object.assign(network, {
    async [method](...args: unknown[]) {
      await whole(...args);
      made.resolve();
      return new Promise(() => undefined);
    },
  });
  void act();
  await made.promise;
  expect(journal.open()).toHaveLength(1);
  engine.stopPersisting();
  records.close();
  engine = fakeEngine(world);
  await reconcile(engine);
  await until(() => expect(engine.journal.open()).toEqual([]));
}

describe('a process that dies behind the network service', () => {
  it('undoes a connection that its record does not know of', async () => {
    await dieBehind('connect', connect);
    expect(both()).toEqual([['bridge'], ['bridge']]);
    await connect();
    expect(both()).toEqual([
      ['bridge', 'other'],
      ['bridge', 'other'],
    ]);
  });

  it('finishes taking one away', async () => {
    await connect();
    await dieBehind('disconnect', disconnect);
    expect(both()).toEqual([['bridge'], ['bridge']]);
  });

  it('tells it the new name again', async () => {
    await dieBehind('renameSandbox', rename);
    expect([engine.records.requireDocker('shop').docker.name, world.names.get(id)]).toEqual(['shop', 'shop']);
  });
});

describe('a network service that dies', () => {
  /** The call is done, and its answer lost, so many times. */
  const loses = (method: 'connect' | 'disconnect' | 'renameSandbox', times: number, error = unavailable('Connection dropped')): void => {
    const { network } = engine;
    const whole = network[method] as (...args: unknown[]) => Promise<unknown>;
    Object.assign(network, {
      async [method](...args: unknown[]) {
        const answer = await whole(...args);
        if (times-- > 0) throw error;
        return answer;
      },
    });
  };

  it('is asked again, as long as it takes', async () => {
    loses('connect', 1);
    await connect();
    loses('disconnect', 1);
    await disconnect();
    loses('renameSandbox', 1);
    await rename();
    expect([both(), world.names.get(id), engine.journal.open()]).toEqual([[['bridge'], ['bridge']], 'shop', []]);
  });

  it('is told later what it was not there for: nothing half is left', async () => {
    loses('connect', 6);
    await expect(connect()).rejects.toThrow('Connection dropped');
    await until(() => expect([both(), engine.journal.open()]).toEqual([[['bridge'], ['bridge']], []]));
  }, 30_000);

  it('and refuses is not asked again', async () => {
    loses('renameSandbox', 1, internal('no'));
    await rename();
    expect(engine.journal.open()).toEqual([]);
  });
});
