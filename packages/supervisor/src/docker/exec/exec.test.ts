import { ExecCreateRequest, ExecStartRequest, StartRequest } from '@gantry/api/gantry/engine/v1/containers';
import type { ContainerConfig } from '@gantry/api/gantry/engine/v1/types';
import { invalidArgument, newContext } from '@gantry/rpc';
import { createContainer } from '../create/create';
import { monitorSocket } from '../../core/places';
import { startContainer } from '../start/start';
import { createRequest, fakeEngine, type FakeEngine, FakeWorld } from '../../testing/fake-engine';
import { createExec, execEnded, execReady, inspectExec, reconcileExecs, startExec } from './exec';
import { END_LABEL } from './end-with-client';
import { killExec } from './kill';
import { type Exec, type ExecStore, ExecTable } from './table';

let world: FakeWorld;
let engine: FakeEngine;
let containerId: string;
beforeEach(async () => {
  world = new FakeWorld();
  engine = fakeEngine(world);
  ({ id: containerId } = await createContainer(engine, newContext(), createRequest({ name: 'web' })));
  // The process of the container is this test's own: its root is where users are looked up.
  world.tasks.nextPid = process.pid;
  await startContainer(engine, newContext(), StartRequest.create({ id: containerId }));
});
afterEach(() => {
  engine.records.close();
  world.destroy();
});

const create = async (change: Partial<ExecCreateRequest> = {}): Promise<string> =>
  (await createExec(engine, newContext(), ExecCreateRequest.fromPartial({ containerId, cmd: ['ls'], attachStdout: true, ...change }))).id;
const inspect = (id: string) => inspectExec(engine, newContext(), { id });

it('hands the socket over, starts on ready, tells the end', async () => {
  const id = await create();
  const run = startExec(engine, newContext(), ExecStartRequest.create({ id }));
  expect((await run.next()).value).toMatchObject({ socket: monitorSocket(engine, id), started: false });
  const next = run.next();
  await execReady(engine, newContext(), { id });
  expect((await next).value).toMatchObject({ started: true });
  expect((await inspect(id)).ExitCode).toBeUndefined();
  const end = run.next();
  engine.exit(containerId, 5, id);
  expect((await end).done).toBe(true);
  expect(await inspect(id)).toMatchObject({ Running: false, ExitCode: 5n, CanRemove: false });
  expect(engine.told.slice(-3).map((line) => line.split(' ').slice(1, 2).join(''))).toEqual(['exec_create:', 'exec_start:', 'exec_die']);
  const again = startExec(engine, newContext(), ExecStartRequest.create({ id }));
  await expect(again.next()).rejects.toMatchObject({ kind: 'conflict' });
});

it('runs detached', async () => {
  const id = await create();
  const messages = [];
  for await (const message of startExec(engine, newContext(), ExecStartRequest.create({ id, detach: true }))) messages.push(message);
  expect(messages).toMatchObject([{ started: true }]);
});

it.each([
  ['no_program', {}, 127],
  ['program_refused', {}, 126],
  ['invalid', {}, 126],
  ['program_refused', { reason: 'exec failed: unable to start container process: why' }, 126],
])('keeps the exit code of a command that cannot run: %s %j', async (launch, more, exitCode) => {
  const id = await create();
  world.tasks.exec = async () => {
    throw invalidArgument('why', { meta: { launch, ...more } });
  };
  await expect(startExec(engine, newContext(), ExecStartRequest.create({ id, detach: true })).next()).rejects.toMatchObject({
    message: 'OCI runtime exec failed: exec failed: unable to start container process: why: unknown',
    meta: { exitCode },
  });
  expect(await inspect(id)).toMatchObject({ Running: false, ExitCode: BigInt(exitCode) });
});

it('refuses what cannot be', async () => {
  await expect(create({ cmd: [] })).rejects.toThrow('No exec command specified');
  await expect(create({ containerId: 'nosuch' })).rejects.toThrow('No such container: nosuch');
  await expect(inspect('nosuch')).rejects.toThrow('No such exec instance: nosuch');
  engine.exit(containerId, 0);
  await expect(create()).rejects.toMatchObject({ kind: 'conflict' });
});

it('takes signals while it runs', async () => {
  const id = await create();
  const kill = (signal: string) => killExec(engine, newContext(), { id, signal });
  await expect(kill('SIGTERM')).rejects.toMatchObject({ kind: 'conflict', message: `exec ${id} is not running` });
  for await (const _message of startExec(engine, newContext(), ExecStartRequest.create({ id, detach: true }))) break;
  await expect(kill('SIGNONE')).rejects.toThrow('invalid signal: SIGNONE');
  await kill('usr1');
  expect(await world.tasks.state(engine.ctx, { id: containerId, execId: id })).toMatchObject({ exitStatus: 138 });
  expect(engine.told.at(-1)).toContain('exec_kill');
  engine.exit(containerId, 0, id);
  await expect(kill('')).rejects.toThrow('is not running');
  await expect(killExec(engine, newContext(), { id: 'nosuch', signal: '' })).rejects.toThrow('No such exec instance: nosuch');
});

it.each([
  [undefined, undefined, false],
  ['true', undefined, true],
  ['true', false, false],
  ['false', true, true],
])('ends with its client: label %s, asked %s', async (label, endWithClient, hold) => {
  if (label !== undefined)
    engine.records.updateDocker(containerId, (docker) => ({
      ...docker,
      config: { ...(docker.config as ContainerConfig), Labels: { [END_LABEL]: label } },
    }));
  const id = await create({ endWithClient });
  const run = startExec(engine, newContext(), ExecStartRequest.create({ id }));
  expect((await run.next()).value).toMatchObject({ hold });
  await execReady(engine, newContext(), { id });
  const detached = startExec(engine, newContext(), ExecStartRequest.create({ id: await create({ endWithClient }), detach: true }));
  if (endWithClient === true)
    await expect(detached.next()).rejects.toThrow('ends with its client (EndWithClient) and cannot start detached');
  else expect((await detached.next()).value).toMatchObject({ hold: false });
});

it('a label that says neither is refused', async () => {
  engine.records.updateDocker(containerId, (docker) => ({
    ...docker,
    config: { ...(docker.config as ContainerConfig), Labels: { [END_LABEL]: 'perhaps' } },
  }));
  await expect(create()).rejects.toThrow(`label ${END_LABEL}=perhaps is neither true nor false`);
});

it('ends with its container', async () => {
  const id = await create();
  for await (const _message of startExec(engine, newContext(), ExecStartRequest.create({ id, detach: true }))) break;
  engine.exit(containerId, 0);
  expect(await inspect(id)).toMatchObject({ Running: false, ExitCode: 137n });
});

it('that a process which died was about to start is over, whether it ran or not', async () => {
  const kept = new Map<string, string>();
  const store: ExecStore = {
    load: () => [...kept.values()].map((text) => JSON.parse(text) as Exec),
    save: (exec) => void kept.set(exec.id, JSON.stringify(exec)),
    remove: (id) => void kept.delete(id),
  };
  const begin = (): void => {
    Object.assign(engine, { execs: new ExecTable(store) });
    engine.execs.onEnded = (exec) => execEnded(engine, exec);
  };
  begin();
  const made = await create();
  const ran = await create();
  for (const id of [made, ran]) await startExec(engine, newContext(), ExecStartRequest.create({ id })).next();
  await world.tasks.start(engine.ctx, { id: containerId, execId: ran });
  world.tasks.end(engine.ctx, containerId, 3, ran);
  begin();
  await reconcileExecs(engine);
  expect(engine.execs.idsOf(containerId)).toEqual([]);
  expect([(await inspect(made)).Running, (await inspect(ran)).ExitCode]).toEqual([false, 3n]);
  await new Promise(setImmediate);
  expect(world.tasks.ids).toEqual([`gantry/${containerId}/`]);
});
