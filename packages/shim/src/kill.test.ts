import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { Status } from '@gantry/api/containerd/v1/types/task';
import type { CreateOptions } from '@gantry/api/gantry/shim/v1/shim';
import { hasEnded, killableShim, monitorOf } from './testing/killable-shim';
import { type Created, eventually, type ShimFixture } from './testing/shim-fixture';
import type { ShimProcess } from './testing/shim-process';

const ROUNDS = Number(process.env['GANTRY_KILL_ROUNDS'] ?? 12);
const [driver, binary] = (process.env['GANTRY_KILL_DRIVER'] ?? 'native').split(':');
const options: Partial<CreateOptions> = driver === undefined || binary === undefined ? {} : { driver, binary };
const counter = 'i=0; while :; do i=$((i+1)); echo $i; done';

/** SIGKILL to the shim, its helper or both, at random moments and in the middle of create, start, exec and delete. */
describe('kill -9 of shim and helper', () => {
  const killable = killableShim(options);
  let shim: ShimFixture;
  let service: ShimProcess;
  beforeAll(() => void ({ shim, service } = killable));

  const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

  test(`${ROUNDS} kills harm no task and leave nothing behind`, async () => {
    const slow = `${counter.replace('; done', '; sleep 0.002; done')}`;
    const tasks: Created[] = [];
    for (const terminal of [false, true, false]) {
      const task = await shim.create({ args: ['sh', '-c', slow], terminal });
      await shim.startTask(task);
      tasks.push(task);
    }
    const held = await shim.create({ args: ['sleep', '1000'] });
    await shim.startTask(held);
    await shim.exec(held, 'open', { args: ['sh', '-c', slow] });
    await shim.startTask(held, 'open');

    const short: Created[] = [];
    let busy = true;
    const churn = (async () => {
      for (let i = 0; busy; i++) {
        try {
          const prepared = shim.prepare({ args: ['sh', '-c', 'echo only; exit 6'] });
          const { socket, log } = prepared;
          // Before the call: a shim that is killed behind its last step, but before its answer, leaves a whole task to the next one.
          short.push({ id: prepared.request.id, pid: 0, bundle: prepared.request.bundle, socket, log });
          const task = await shim.createFrom(prepared);
          await shim.startTask(task);
          await shim.exec(held, `x${i}`, { args: ['true'] });
          await shim.startTask(held, `x${i}`);
          await shim.wait(held, `x${i}`);
          await shim.delete(held, `x${i}`);
          expect(await shim.wait(task)).toBe(6);
          await shim.delete(task);
        } catch {
          await pause(5); // a shim was killed below it; what is left is looked at in the end
        }
      }
    })();

    for (let round = 0; round < ROUNDS; round++) {
      await pause(50 + Math.random() * 250);
      const which = ['shim', 'helper', 'both'][round % 3];
      if (which !== 'shim') for (const pid of service.helpers()) process.kill(pid, 'SIGKILL');
      if (which === 'helper') continue;
      await service.kill();
      await pause(Math.random() * 100);
      service.start();
    }
    busy = false;
    await churn;
    await eventually(() => tasks.every((task) => shim.log(task).length > 100), 'lines of each task', 60_000);

    for (const task of [...tasks, held])
      expect((await shim.tasks.state(shim.ctx, { id: task.id, execId: '' })).status).toBe(Status.RUNNING);
    expect((await shim.tasks.state(shim.ctx, { id: held.id, execId: 'open' })).status).toBe(Status.RUNNING);
    const again = await shim.exec(tasks[0] as Created, 'again', { args: ['echo', 'works'], stdin: true });
    const client = await shim.attach(again);
    await shim.startTask(tasks[0] as Created, 'again');
    expect(await client.output).toEqual(['works\n', '']);

    for (const task of short) {
      // Either whole, with its exit kept if it was started, or gone.
      const state = await shim.tasks.state(shim.ctx, { id: task.id, execId: '' }).catch(() => undefined);
      if (state === undefined) continue;
      if (state.status === Status.RUNNING) await shim.wait(task);
      if (state.status === Status.STOPPED) expect(state.exitStatus).toBe(6);
      await shim.delete(task);
    }
    for (const task of [...tasks, held]) {
      await shim.tasks.kill(shim.ctx, { id: task.id, execId: '', signal: 9, all: false });
      expect(await shim.wait(task)).toBe(137);
      await shim.delete(task);
      expect(shim.hasCgroup(task)).toBe(false);
      expect(existsSync(task.bundle)).toBe(false);
    }
    for (const task of tasks) {
      const lines = shim.log(task).map(([, text]) => Number(text));
      expect(lines).toEqual(lines.map((_, index) => index + 1));
    }
    expect(shim.mounts()).toEqual([]);
    await eventually(() => tasks.every((task) => shim.topics(task).includes('/tasks/delete')), 'delete events');
    for (const task of tasks) expect(shim.topics(task).filter((topic) => topic === '/tasks/exit').length).toBeGreaterThanOrEqual(1);
  }, 300_000);

  test('a dead monitor ends its task with 137, says so and frees everything', async () => {
    const task = await shim.create({ args: ['sh', '-c', 'trap "" TERM; sleep 1000 & while :; do sleep 1; done'] });
    await shim.startTask(task);
    process.kill(monitorOf(task), 'SIGKILL');
    expect(await shim.wait(task)).toBe(137);
    expect(hasEnded(task.pid)).toBe(true);
    await eventually(() => shim.exitErrors.has(task.id), 'the exit event');
    expect(shim.exitErrors.get(task.id)).toBe('monitor lost');
    await killable.takenAway(task);
  });

  test('so does a monitor that died while the shim was dead', async () => {
    const task = await shim.create({ args: ['sleep', '1000'] });
    await shim.startTask(task);
    const monitor = monitorOf(task);
    await service.kill();
    process.kill(monitor, 'SIGKILL');
    await eventually(() => hasEnded(monitor), 'the end of the monitor');
    expect(hasEnded(task.pid)).toBe(false);
    service.start();
    expect(await shim.wait(task)).toBe(137);
    expect(hasEnded(task.pid)).toBe(true);
    await eventually(() => shim.exitErrors.get(task.id) === 'monitor lost', 'the exit event');
    await killable.takenAway(task);
  });

  test("exit status and last line of what ended while the shim was dead are kept, an exec's too", async () => {
    const task = await shim.create({ args: ['sh', '-c', 'read x; echo "last $x"; exit 9'], stdin: true });
    const client = await shim.attach(task.socket);
    await shim.startTask(task);
    const beside = await shim.create({ args: ['sleep', '1000'] });
    await shim.startTask(beside);
    const exec = await shim.attach(await shim.exec(beside, 'short', { args: ['sh', '-c', 'read x; exit 4'], stdin: true }));
    const short = await shim.startTask(beside, 'short');
    await service.kill();
    client.write('word\n');
    exec.write('word\n');
    await client.seen('last word\n');
    await eventually(() => hasEnded(task.pid) && hasEnded(short), 'the end of both processes', 20_000);
    service.start();
    expect(await client.output).toEqual(['last word\n', '']);
    await exec.output;
    expect(await shim.wait(task)).toBe(9);
    expect(await shim.wait(beside, 'short')).toBe(4);
    expect(shim.log(task)).toEqual([['stdout', 'last word\n']]);
    await eventually(() => shim.topics(task).includes('/tasks/exit'), 'the exit event');
    expect(shim.exitErrors.has(task.id)).toBe(false);
    await killable.takenAway(task);
    await shim.tasks.kill(shim.ctx, { id: beside.id, execId: '', signal: 9, all: false });
    expect(await shim.wait(beside)).toBe(137);
    await killable.takenAway(beside);
  });

  test('what a creation that was cut short left behind is cleaned at the start', async () => {
    const task = await shim.create({ args: ['sleep', '1000'] });
    const monitor = monitorOf(task);
    await service.kill();
    // As if the shim had died before it took the task over: its files say so.
    writeFileSync(
      `${task.bundle}/monitor.json`,
      readFileSync(`${task.bundle}/monitor.json`, 'utf8').replace('"acknowledged":true', '"acknowledged":false'),
    );
    const bare = `${shim.run}/tasks/${shim.ctx.namespace}/bare`;
    mkdirSync(bare, { recursive: true });
    writeFileSync(
      `${bare}/task.json`,
      readFileSync(`${task.bundle}/task.json`, 'utf8').replaceAll(`/${task.id}"`, '/bare"').replaceAll(`"${task.id}"`, '"bare"'),
    );
    // As if its monitor had begun only when the record was gone already.
    const late = `${shim.run}/tasks/${shim.ctx.namespace}/late`;
    mkdirSync(late);
    copyFileSync(`${task.bundle}/monitor.json`, `${late}/monitor.json`);
    const torn = `${shim.run}/tasks/${shim.ctx.namespace}/torn`;
    mkdirSync(torn);
    writeFileSync(`${torn}/task.json.tmp`, '{');
    service.start();
    await expect(shim.tasks.state(shim.ctx, { id: task.id, execId: '' })).rejects.toMatchObject({ kind: 'notFound' });
    expect(hasEnded(task.pid)).toBe(true);
    expect(hasEnded(monitor)).toBe(true);
    expect(shim.mounts()).toEqual([]);
    expect(shim.hasCgroup(task)).toBe(false);
    expect(existsSync(task.bundle)).toBe(false);
    expect(existsSync(bare)).toBe(false);
    expect([late, torn].filter(existsSync)).toEqual([]);
  });
});
