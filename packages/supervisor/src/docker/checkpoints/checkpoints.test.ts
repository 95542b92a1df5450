import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newContext, unavailable } from '@gantry/rpc';
import { createRequest, type FakeEngine, fakeEngine, FakeWorld } from '../../testing/fake-engine';
import { containerDir } from '../../core/places';
import { createContainer } from '../create/create';
import { startById, startContainer } from '../start/start';
import { createCheckpoint } from './create';
import { listCheckpoints } from './list';
import { removeCheckpoint } from './remove';
import { letAllGo } from './restore';

let world: FakeWorld;
let engine: FakeEngine;
let id: string;
beforeEach(async () => {
  world = new FakeWorld();
  engine = fakeEngine(world);
  id = (await createContainer(engine, newContext(), createRequest({ name: 'one' }))).id;
});
afterEach(() => {
  engine.life.restarter.stop();
  engine.stopPersisting();
  engine.records.close();
  world.destroy();
});

const create = (checkpoint: string, directory = ''): Promise<unknown> =>
  createCheckpoint(engine, newContext(), { id: 'one', checkpoint, directory, exit: false });
const list = async (directory = ''): Promise<string[]> =>
  (await listCheckpoints(engine, newContext(), { id: 'one', directory })).checkpoints;
const start = (checkpoint: string, checkpointDirectory = ''): Promise<unknown> =>
  startContainer(engine, newContext(), { id: 'one', checkpoint, checkpointDirectory });

test('one is made once, listed and removed', async () => {
  await expect(create('first')).rejects.toMatchObject({ kind: 'conflict', message: `container ${id} is not running` });
  await startById(engine, engine.ctx, id, 'user');
  expect(await list()).toEqual([]);
  await create('second');
  await create('first');
  expect(await list()).toEqual(['first', 'second']);
  expect(world.tasks.checkpoints).toEqual(['second', 'first'].map((name) => join(containerDir(engine, id), 'checkpoints', name)));
  await expect(create('first')).rejects.toThrow(
    'cannot checkpoint container one: checkpoint with name first already exists for container one',
  );
  for (const name of ['', 'x', '../up', 'a/b']) await expect(create(name)).rejects.toMatchObject({ kind: 'invalidArgument' });
  const remove = (checkpoint: string): Promise<unknown> => removeCheckpoint(engine, newContext(), { id: 'one', checkpoint, directory: '' });
  await remove('first');
  for (const name of ['first', '..', '.', '../checkpoints'])
    await expect(remove(name)).rejects.toThrow(`checkpoint ${name} does not exist for container one`);
  expect(await list()).toEqual(['second']);
  expect(engine.told.filter((line) => line.includes('checkpoint'))).toEqual(['container checkpoint one', 'container checkpoint one']);
});

test('a failure leaves no folder, and files are not taken for folders', async () => {
  await startById(engine, engine.ctx, id, 'user');
  Object.assign(world.tasks, { checkpoint: () => Promise.reject(unavailable('no criu')) });
  await expect(create('first')).rejects.toThrow('Cannot checkpoint container one: no criu');
  expect(await list()).toEqual([]);
  const folder = join(world.root, 'elsewhere');
  await expect(list(folder)).rejects.toThrow('checkpoint  does not exist for container one');
  mkdirSync(folder);
  writeFileSync(join(folder, 'file'), '');
  expect(await list(folder)).toEqual([]);
  await expect(create('file', folder)).rejects.toThrow(`${join(folder, 'file')} exists and is not a directory`);
  await expect(list(join(folder, 'file'))).rejects.toThrow('exists and is not a directory');
});

test('a start goes on from one in a network that was there before, which its own process keeps', async () => {
  const path = join(containerDir(engine, id), 'checkpoints', 'first');
  await expect(start('first')).rejects.toThrow('checkpoint first does not exist for container /one');
  await expect(start('', '/elsewhere')).rejects.toMatchObject({ kind: 'forbidden', message: 'custom checkpointdir is not supported' });
  mkdirSync(path, { recursive: true });
  await start('first');
  const pid = (await engine.tasks.state(engine.ctx, { id })).pid;
  expect(world.tasks.created.at(-1)?.checkpoint).toBe(path);
  expect(world.calls).toContain(`hold restore-${id}`);
  expect(world.calls).toContain(`move ${id} /proc/${pid}/ns/net`);
  expect([...world.holders]).toEqual([]);
  expect(engine.records.requireDocker(id).docker.state?.pid).toBe(pid);
});

test('one that fails lets its network go, and so does the next process of ours', async () => {
  mkdirSync(join(containerDir(engine, id), 'checkpoints', 'first'), { recursive: true });
  Object.assign(world.tasks, { start: () => Promise.reject(unavailable('criu failed')) });
  await expect(start('first')).rejects.toThrow('criu failed');
  expect([...world.holders]).toEqual([]);
  for (const name of ['restore-x', 'k8s.io.pod']) world.holders.add(name);
  await letAllGo(engine, engine.ctx);
  expect([...world.holders]).toEqual(['k8s.io.pod']);
  expect(existsSync(containerDir(engine, id))).toBe(true);
});
