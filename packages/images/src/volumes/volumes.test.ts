import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { internal, notFound, silentLogger, unavailable } from '@gantry/rpc';
import type { PluginClient } from '@gantry/service/plugins';
import { Projects } from '../projects/projects';
import { CountedQuotas } from '../projects/testing/counted-quotas';
import { Database } from '../store/database';
import { PluginVolumes } from './plugin-volumes';
import { VolumeStore } from './store';
import { Volumes } from './volumes';

let folder: string;
let db: Database;
let calls: string[];
let kept: Map<string, string>;
let down: boolean;
let quotas: CountedQuotas;
let volumes: Volumes;

/** A plugin named `far`, that is there; whatever else is asked for is not. */
const far = {
  name: 'far',
  onHost: (path: string) => path,
  ask: async (method: string, { Name = '', ID = '' }: { readonly Name?: string; readonly ID?: string }) => {
    const verb = method.replace('VolumeDriver.', '');
    calls.push([verb, Name, ID].filter((word) => word !== '').join(' '));
    if (down) throw unavailable('far does not answer');
    const volume = kept.has(Name) ? { Name, Mountpoint: `/far/${Name}`, CreatedAt: '2020-01-01T00:00:00Z' } : undefined;
    switch (verb) {
      case 'Create':
        kept.set(Name, '');
        return {};
      case 'Get':
        return volume === undefined ? { Err: 'no such volume' } : { Volume: volume };
      case 'List':
        return { Volumes: [...kept.keys()].map((name) => ({ Name: name })) };
      case 'Remove':
        return kept.delete(Name) ? {} : { Err: 'it is busy' };
      case 'Capabilities':
        return { Capabilities: { Scope: 'global' } };
      default:
        return { Mountpoint: `/far/${Name}`, Err: '' };
    }
  },
} as unknown as PluginClient;

const open = (): Volumes => {
  const store = new VolumeStore(
    db,
    join(folder, 'volumes'),
    silentLogger,
    async (path) => rmSync(path, { recursive: true, force: true }),
    { look: () => Promise.reject(internal('not asked')) } as never,
    new Projects({ db, quotas, root: folder, logger: silentLogger }),
  );
  const get = async (name: string) => (name === 'far' ? far : Promise.reject(notFound(`plugin "${name}" not found`)));
  return new Volumes(store, new PluginVolumes({ get, getSoon: get, names: async () => ['far', 'other'] }), silentLogger);
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'volumes-'));
  db = new Database(join(folder, 'metadata.db'));
  [calls, kept, down] = [[], new Map(), false];
  quotas = new CountedQuotas();
  volumes = open();
});
afterEach(() => {
  db.close();
  rmSync(folder, { recursive: true });
});
const create = (name: string, driver: string) =>
  volumes.create({ name, driver, options: driver === 'far' ? { size: '1' } : {}, labels: { a: 'b' } });

test('a plugin makes its volume, mounts it for a container as long as that runs, and removes it', async () => {
  const { volume, created } = await create('one', 'far');
  expect([created, volume]).toEqual([true, expect.objectContaining({ driver: 'far', scope: 'global', options: { size: '1' } })]);
  await create('two', 'far');
  expect(calls).toEqual(['Get one', 'Create one', 'Capabilities', 'Get two', 'Create two']);
  await volumes.remove('two', false);
  calls = [];
  await volumes.addReference('one', 'c', false);
  expect((await volumes.addReference('one', 'c', true)).mountpoint).toBe('/far/one');
  await volumes.addReference('one', 'c', true); // a second place of the same container
  await volumes.releaseReference('one', 'c', true);
  await expect(volumes.remove('one', false)).rejects.toThrow('volume is in use - [c]');
  await volumes.releaseReference('one', 'c', false);
  await volumes.remove('one', false);
  expect(calls).toEqual(['Mount one c', 'Unmount one c', 'Remove one']);
  expect(kept.size).toBe(0);
});

test('what a former process had mounted is mounted anew, and unmounted at the end', async () => {
  await create('one', 'far');
  await volumes.addReference('one', 'c', true);
  volumes = open();
  calls = [];
  await volumes.releaseReference('one', 'c', true);
  await volumes.addReference('one', 'c', true);
  expect(calls).toEqual(['Unmount one c', 'Mount one c']);
});

test('a plugin that is away at the end is asked again when the container goes', async () => {
  await create('one', 'far');
  await volumes.addReference('one', 'c', true);
  down = true;
  await volumes.releaseReference('one', 'c', true);
  down = false;
  calls = [];
  await volumes.releaseReference('one', 'c', false);
  expect(calls).toEqual(['Unmount one c']);
});

test('volumes that a plugin has are found, listed and used by their names alone', async () => {
  kept.set('theirs', '');
  expect(await volumes.get('theirs')).toMatchObject({ driver: 'far', mountpoint: '/far/theirs', created: 1577836800000000 });
  expect((await volumes.list()).map(({ name, driver }) => [name, driver])).toEqual([['theirs', 'far']]);
  expect(await create('theirs', '')).toMatchObject({ created: false, volume: { driver: 'far' } });
  await volumes.remove('theirs', false);
  await expect(volumes.get('theirs')).rejects.toThrow('get theirs: no such volume');
});

test('a name is one volume, until the plugin has lost it', async () => {
  await create('one', 'far');
  await expect(create('one', 'local')).rejects.toThrow('create one: volume name must be unique');
  await create('two', 'local');
  await expect(create('two', 'far')).rejects.toThrow('volume name must be unique');
  kept.clear();
  await expect(volumes.get('one')).rejects.toThrow('get one: no such volume');
  expect(await create('one', 'local')).toMatchObject({ created: true, volume: { driver: 'local' } });
});

test('a look into a container is a user of its own, and goes with it', async () => {
  await create('one', 'far');
  for (const user of ['c', 'c cp-1', 'c cp-2', 'cc cp-3']) await volumes.addReference('one', user, true);
  calls = [];
  await volumes.releaseReference('one', 'c cp-1', false);
  await volumes.releaseReference('one', 'c', true);
  expect(volumes.store.users('one')).toEqual(['c', 'c cp-2', 'cc cp-3']);
  await volumes.releaseReference('one', 'c', false);
  expect(volumes.store.users('one')).toEqual(['cc cp-3']);
  expect(calls).toEqual(['Unmount one c cp-1', 'Unmount one c', 'Unmount one c cp-2']);
});

test('what the plugin has lost is made there again, unless containers use it', async () => {
  await volumes.create({ name: 'one', driver: 'far', options: {}, labels: {} });
  expect(await create('one', 'far')).toMatchObject({ created: false, volume: { options: {} } });
  kept.clear();
  expect(await create('one', 'far')).toMatchObject({ created: true, volume: { driver: 'far', options: { size: '1' } } });
  expect([...kept.keys()]).toEqual(['one']);
  await volumes.addReference('one', 'c', false);
  kept.clear();
  for (const driver of ['far', 'local', ''])
    await expect(create('one', driver)).rejects.toThrow('volume name must be unique: containers use it, and far has lost it');
});

test('a driver that is not there is named, and what a plugin refuses is told or, with force, forgotten', async () => {
  await expect(create('xx', 'nobody')).rejects.toThrow('create xx: error looking up volume plugin nobody: plugin "nobody" not found');
  await create('one', 'far');
  kept.clear();
  await expect(volumes.remove('one', false)).rejects.toThrow('remove one: it is busy');
  await volumes.remove('one', true);
  expect(volumes.store.list()).toEqual([]);
});

describe('sizes', () => {
  const create = (name: string, options: Record<string, string>) => volumes.create({ name, driver: 'local', options, labels: {} });
  const data = (name: string): string => join(folder, 'volumes', name, '_data');

  test('a volume with a size is a project until it is removed', async () => {
    await create('small', { size: '10m' });
    await create('free', {});
    await create('none', { size: '0' });
    expect([quotas.projectOf(data('small')) > 0, quotas.projectOf(data('free')), quotas.projectOf(data('none'))]).toEqual([true, 0, 0]);
    expect([...quotas.limits]).toEqual([[quotas.projectOf(data('small')), 10 << 20]]);
    expect((await volumes.get('small')).options).toEqual({ size: '10m' });
    await create('small', { size: '10m' }); // it is there
    expect(quotas.limits.size).toBe(1);
    await volumes.remove('small', false);
    expect(quotas.limits.size).toBe(0);
    expect(db.all('SELECT id FROM projects')).toEqual([]);
  });

  test.each([
    [{ size: 'much' }, "create vv: invalid size: 'much'"],
    [{ size: '1x' }, "create vv: invalid suffix: 'x'"],
    [{ size: '1g', type: 'tmpfs', device: 'tmpfs' }, 'create vv: option "size" limits the volume\'s own directory'],
    [{ sized: '1g' }, 'create vv: invalid option: "sized"'],
  ])('%j is refused and nothing is made', async (options, message) => {
    await expect(create('vv', options as Record<string, string>)).rejects.toThrow(message);
    expect(volumes.store.table.find('vv')).toBeUndefined();
  });

  test('a file system without project quotas refuses a size, and no other volume', async () => {
    quotas.has = false;
    await expect(create('vv', { size: '1g' })).rejects.toThrow('create vv: quota size requested but no quota support');
    expect(volumes.store.table.find('vv')).toBeUndefined();
    await create('vv', { size: '0' });
  });

  test('a volume that cannot be held to its size is none', async () => {
    quotas.full = true;
    await expect(create('vv', { size: '1g' })).rejects.toThrow('create vv: no room for a limit');
    expect(volumes.store.table.find('vv')).toBeUndefined();
    expect(db.all('SELECT id FROM projects')).toEqual([]);
  });
});
