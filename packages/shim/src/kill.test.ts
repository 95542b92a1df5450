import { existsSync, readFileSync, rmSync } from 'node:fs';
import { Status } from '@gantry/api/containerd/v1/types/task';
import type { CreateOptions } from '@gantry/api/gantry/shim/v1/shim';
import { type Created, eventually, ShimFixture } from './testing/shim-fixture';
import { bundleShim, ShimProcess } from './testing/shim-process';

const ROUNDS = Number(process.env['GANTRY_KILL_ROUNDS'] ?? 12);
const [driver, binary] = (process.env['GANTRY_KILL_DRIVER'] ?? 'native').split(':');
const options: Partial<CreateOptions> = driver === undefined || binary === undefined ? {} : { driver, binary };
const counter = 'i=0; while :; do i=$((i+1)); echo $i; done';

/** SIGKILL to the shim, its helper or both, at random moments and in the middle of create, start, exec and delete. */
describe('kill -9 of shim and helper', () => {
  let shim: ShimFixture;
  let service: ShimProcess;
  let bundle: string;
  beforeAll(async () => {
    bundle = bundleShim();
    shim = new ShimFixture(options);
    service = new ShimProcess(shim, bundle);
    service.start();
    shim.connect();
  });
  afterAll(async () => {
    await service.stop();
    await shim.remove();
    rmSync(bundle, { force: true });
  });

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
          const task = await shim.create({ args: ['sh', '-c', 'echo only; exit 6'] });
          short.push(task);
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

    for (const task of [...tasks, held]) expect((await shim.tasks.state(shim.ctx, { id: task.id, execId: '' })).status).toBe(Status.RUNNING);
    expect((await shim.tasks.state(shim.ctx, { id: held.id, execId: 'open' })).status).toBe(Status.RUNNING);
    const again = await shim.exec(tasks[0] as Created, 'again', { args: ['echo', 'works'], stdin: true });
    const client = await shim.attach(again);
    await shim.startTask(tasks[0] as Created, 'again');
    expect(await client.output).toEqual(['works\n', '']);

    for (const task of short) {
      // Either whole, with its exit kept, or gone.
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
      expect(lines.length).toBeGreaterThan(100);
      expect(lines).toEqual(lines.map((_, index) => index + 1));
    }
    expect(shim.mounts()).toEqual([]);
    await eventually(() => tasks.every((task) => shim.topics(task).includes('/tasks/delete')), 'delete events');
    for (const task of tasks) expect(shim.topics(task).filter((topic) => topic === '/tasks/exit').length).toBeGreaterThanOrEqual(1);
  }, 120_000);

  test('a dead monitor ends its task with 137 and frees everything', async () => {
    const task = await shim.create({ args: ['sleep', '1000'] });
    await shim.startTask(task);
    const monitor = JSON.parse(readFileSync(`${task.bundle}/monitor.json`, 'utf8')) as { monitor_pid: number };
    process.kill(monitor.monitor_pid, 'SIGKILL');
    expect(await shim.wait(task)).toBe(137);
    expect(existsSync(`/proc/${task.pid}`) && !/^State:\tZ/m.test(readFileSync(`/proc/${task.pid}/status`, 'utf8'))).toBe(false);
    await shim.delete(task);
    expect(shim.mounts()).toEqual([]);
    expect(shim.hasCgroup(task)).toBe(false);
  });
});
