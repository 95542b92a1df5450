import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { StartRequest, UpdateRequest } from '@gantry/api/gantry/engine/v1/containers';
import { Mount } from '@gantry/api/gantry/engine/v1/types';
import { internal, newContext, unavailable } from '@gantry/rpc';
import { createRequest, fakeEngine, type FakeEngine, FakeWorld } from '../../testing/fake-engine';
import { createContainer } from '../create/create';
import { inspectContainer } from '../inspect/inspect';
import { reconcile } from '../recover/reconcile';
import { removeContainer } from '../remove/remove';
import { startContainer } from '../start/start';
import { setEnvironment } from './environment';
import { addMounts, removeMounts } from './mounts';
import { updateContainer } from './update';

let world: FakeWorld;
let engine: FakeEngine;
let source: string;

beforeEach(() => {
  world = new FakeWorld();
  engine = fakeEngine(world);
  source = join(world.root, 'source');
  mkdirSync(source, { recursive: true });
});
afterEach(() => {
  engine.life.restarter.stop();
  engine.stopPersisting();
  engine.records.close();
  world.destroy();
});

const ctx = newContext();
const make = async (hostConfig: object = {}, config: object = {}): Promise<string> =>
  (await createContainer(engine, ctx, createRequest({ name: 'web', hostConfig, config }))).id;
const start = (id: string) => startContainer(engine, ctx, StartRequest.create({ id }));
const mount = (...binds: string[]) => addMounts(engine, ctx, { id: 'web', binds, mounts: [] });
const unmount = (...destinations: string[]) => removeMounts(engine, ctx, { id: 'web', destinations });
const shown = async () => {
  const { container } = await inspectContainer(engine, ctx, { id: 'web', size: false });
  return {
    env: container?.Config?.Env,
    binds: container?.HostConfig?.Binds,
    mounts: container?.Mounts.map(({ Type, Name, Destination, RW }) => `${Type} ${Name} ${Destination} ${RW ? 'rw' : 'ro'}`),
  };
};
const journalIsEmpty = async (): Promise<void> => {
  for (let tries = 0; engine.journal.open().length > 0 && tries < 500; tries++) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(engine.journal.open()).toEqual([]);
};
/** The process ends when it has done `work` and before it writes that down; another begins. */
const cutShort = async (work: () => Promise<unknown>): Promise<void> => {
  Object.assign(engine.journal, {
    end: () => {
      throw new Error('killed');
    },
  });
  await expect(work()).rejects.toThrow('killed');
  engine.stopPersisting();
  engine.records.close();
  engine = fakeEngine(world);
};
const holds = (name: string): boolean => (world.volumes.get(name)?.size ?? 0) > 0;

describe('environment', () => {
  const set = (...entries: string[]) => setEnvironment(engine, ctx, { id: 'web', set: entries, unset: [] });
  const unset = (...names: string[]) => setEnvironment(engine, ctx, { id: 'web', set: [], unset: names });

  it('is changed where it stood, added behind and taken away', async () => {
    await make({}, { Env: ['A=1', 'B=2', 'C=3'] });
    const more = (await shown()).env?.filter((entry) => !/^[A-C]=/.test(entry)) ?? [];
    await set('B=x=y', 'D=');
    await unset('A');
    expect((await shown()).env).toEqual(['B=x=y', 'C=3', ...more, 'D=']);
    expect(engine.told.slice(-2)).toEqual(['container set-env web', 'container set-env web']);
  });

  it('refuses what is none', async () => {
    await make({}, { Env: ['A=1'] });
    for (const wrong of ['A', '=x', '', 'A=\0']) await expect(set(wrong)).rejects.toMatchObject({ kind: 'invalidArgument' });
    await expect(unset('B')).rejects.toThrow('environment variable B is not set in container web');
    await expect(setEnvironment(engine, ctx, { id: 'nobody', set: ['A=1'], unset: [] })).rejects.toMatchObject({ kind: 'notFound' });
  });
});

describe('mounts', () => {
  it('of a container that does not run are there at once', async () => {
    await make();
    await mount(`${source}:/s:ro`, 'data:/data');
    expect(await shown()).toMatchObject({
      binds: [`${source}:/s:ro`, 'data:/data'],
      mounts: ['bind  /s ro', 'volume data /data rw'],
    });
    expect([holds('data'), world.calls.includes('populate data')]).toEqual([true, true]);
    await unmount('/data');
    expect(await shown()).toMatchObject({ binds: [`${source}:/s:ro`], mounts: ['bind  /s ro'] });
    expect(holds('data')).toBe(false);
    expect(engine.told.slice(-2)).toEqual(['container set-mount web', 'container unset-mount web']);
    expect(engine.journal.open()).toEqual([]);
  });

  it('of one that runs wait for its next start, and what it has is held until then', async () => {
    const id = await make({ Binds: ['old:/old'] });
    await start(id);
    await mount('data:/data');
    await unmount('/old');
    expect(await shown()).toMatchObject({ binds: ['data:/data'], mounts: ['volume old /old rw'] });
    expect([holds('old'), holds('data'), world.calls.includes('populate data')]).toEqual([true, true, false]);
    await removeContainer(engine, ctx, { id, force: true, volumes: false, link: false });
    expect([holds('old'), holds('data')]).toEqual([false, false]);
  });

  it('refuse what is not theirs to change', async () => {
    await make({ Binds: ['data:/data'], Tmpfs: { '/t': '' } });
    await expect(mount('other:/data')).rejects.toThrow('Duplicate mount point: /data');
    await expect(unmount('/none')).rejects.toMatchObject({ kind: 'notFound', message: 'nothing is mounted at /none in container web' });
    const image = Mount.fromPartial({ Type: 'image', Source: 'busybox', Target: '/i' });
    await expect(addMounts(engine, ctx, { id: 'web', binds: [], mounts: [image] })).rejects.toThrow(
      'an image can be mounted only when the container is made',
    );
    await unmount('/t');
    await mount('other:/t');
    expect((await shown()).mounts).toEqual(['volume data /data rw', 'volume other /t rw']);
  });

  it('lie over a volume that the image alone asked for, which goes with the container', async () => {
    const id = await make({}, { Volumes: { '/data': {} } });
    const [anonymous = ''] = [...world.volumes.keys()];
    await expect(unmount('/data')).rejects.toMatchObject({ kind: 'conflict' });
    await mount('data:/data');
    expect((await shown()).mounts).toEqual(['volume data /data rw']);
    expect(holds(anonymous)).toBe(true);
    await removeContainer(engine, ctx, { id, force: true, volumes: true, link: false });
    expect([...world.volumes.keys()]).toEqual(['data']);
  });

  it('give back what a failure leaves', async () => {
    await make();
    Object.assign(engine.volumes, { populate: () => Promise.reject(internal('no room')) });
    await expect(mount('data:/data')).rejects.toThrow('no room');
    expect(holds('data')).toBe(false);
    expect(await shown()).toMatchObject({ binds: [], mounts: [] });
    expect(engine.journal.open()).toEqual([]);
  });

  it('are undone at the next start of the supervisor when they were cut short', async () => {
    await make();
    await cutShort(() => mount('data:/data', '/anonymous'));
    expect(world.volumes.size).toBe(2);
    await reconcile(engine);
    await journalIsEmpty();
    expect([...world.volumes.keys()]).toEqual(['data']);
    expect(holds('data')).toBe(false);
    expect(await shown()).toMatchObject({ binds: [], mounts: [] });
  });

  it('are undone each, when the next process is ended before it could', async () => {
    await make();
    for (const name of ['one', 'two', 'three']) await cutShort(() => mount(`${name}:/${name}`));
    await reconcile(engine);
    await journalIsEmpty();
    expect(['one', 'two', 'three'].filter(holds)).toEqual([]);
    expect(await shown()).toMatchObject({ binds: [], mounts: [] });
  });

  it('give back later what cannot be given back at once', async () => {
    await make();
    const { releaseReference } = engine.volumes;
    Object.assign(engine.volumes, {
      populate: () => Promise.reject(internal('no room')),
      releaseReference: () => {
        Object.assign(engine.volumes, { releaseReference });
        return Promise.reject(unavailable('it died'));
      },
    });
    await expect(mount('data:/data')).rejects.toThrow('no room');
    expect(holds('data')).toBe(true);
    await journalIsEmpty();
    expect(holds('data')).toBe(false);
  });

  it('go with an update, in one', async () => {
    await make();
    await updateContainer(engine, ctx, UpdateRequest.fromPartial({ id: 'web', hostConfig: {}, setEnv: ['A=1'], binds: ['data:/data'] }));
    expect((await shown()).env).toContain('A=1');
    expect((await shown()).mounts).toEqual(['volume data /data rw']);
  });
});
