import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Status } from '@gantry/api/containerd/v1/types/task';
import { hasEnded, killableShim, monitorOf } from '../testing/killable-shim';
import { type Created, eventually, type ShimFixture } from '../testing/shim-fixture';
import type { ShimProcess } from '../testing/shim-process';
import { endServer } from './remote/known-server';

const binary = process.env['GANTRY_TEST_SHIM'] ?? '/usr/bin/containerd-shim-runc-v2';
const installed = existsSync(binary);
if (!installed) process.stderr.write(`SKIP: deaths of containerd's shims are not tested: ${binary} is not installed\n`);

const alive = (pid: number): boolean => !hasEnded(pid);
const shimPid = (task: Created): number => (JSON.parse(readFileSync(join(task.bundle, 'endpoint.json'), 'utf8')) as { pid: number }).pid;

(installed ? describe : describe.skip)('deaths beside containerd-shim-runc-v2', () => {
  const killable = killableShim({ driver: 'containerd-shim', binary });
  let shim: ShimFixture;
  let service: ShimProcess;
  beforeAll(() => void ({ shim, service } = killable));

  test('kill -9 of our shim: logs go on, exits in between are known, tasks and execs are steered again', async () => {
    const running = await shim.create({ args: ['sh', '-c', 'i=0; while :; do i=$((i+1)); echo $i; sleep 0.005; done'] });
    const typed = await shim.create({ args: ['sh', '-c', 'cat; echo end'], stdin: true });
    const ending = await shim.create({ args: ['sh', '-c', 'read x; echo "got $x"; exit 21'], stdin: true });
    for (const task of [running, typed, ending]) await shim.startTask(task);
    await shim.exec(running, 'kept', { args: ['sleep', '100'] });
    await shim.startTask(running, 'kept');
    await eventually(() => shim.log(running).length > 3, 'lines');
    await service.kill();

    // Nobody of ours lives but the monitors: they take output, input and its end, and the process ends meanwhile.
    const before = shim.log(running).length;
    await eventually(() => shim.log(running).length > before + 10, 'lines while the shim is dead');
    const attached = await shim.attach(ending.socket);
    attached.write('word\n');
    await attached.seen('got word');
    const client = await shim.attach(typed.socket);
    client.write('typed\n');
    client.end();
    await eventually(() => !alive(ending.pid), 'the end of the process');

    service.start();
    expect(await shim.wait(ending)).toBe(21);
    expect(await client.output).toEqual(['typed\nend\n', '']);
    expect(await shim.wait(typed)).toBe(0);
    expect(shim.log(ending).map(([, text]) => text)).toEqual(['got word\n']);
    await eventually(() => shim.topics(ending).includes('/tasks/exit'), 'exit event');
    expect((await shim.tasks.state(shim.ctx, { id: running.id, execId: 'kept' })).status).toBe(Status.RUNNING);
    await shim.exec(running, 'again', { args: ['sh', '-c', 'exit 4'] });
    await shim.startTask(running, 'again');
    expect(await shim.wait(running, 'again')).toBe(4);
    await shim.tasks.kill(shim.ctx, { id: running.id, execId: '', signal: 9, all: false });
    expect(await shim.wait(running)).toBe(137);
    const numbers = shim.log(running).map(([, text]) => Number(text));
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
    const shims = [running, typed, ending].map(shimPid);
    for (const task of [running, typed, ending]) await shim.delete(task);
    expect(shims.filter(alive)).toEqual([]);
    expect(shim.mounts()).toEqual([]);
  }, 120_000);

  test('kill -9 of their shim: its delete ends the container with 137 and nothing is left', async () => {
    const task = await shim.create({ args: ['sh', '-c', 'echo before; sleep 1000'] });
    await shim.startTask(task);
    await shim.exec(task, 'beside', { args: ['sleep', '1000'] });
    await shim.startTask(task, 'beside');
    await eventually(() => shim.log(task).length === 1, 'output');
    process.kill(shimPid(task), 'SIGKILL');
    expect(await shim.wait(task)).toBe(137);
    expect(await shim.wait(task, 'beside')).toBe(137);
    expect(alive(task.pid)).toBe(false);
    await killable.takenAway(task);
    await eventually(() => shim.topics(task).includes('/tasks/delete'), 'delete event');
  }, 120_000);

  test('kill -9 of the monitor: the task ends and their shim leaves', async () => {
    const task = await shim.create({ args: ['sleep', '1000'] });
    await shim.startTask(task);
    const theirs = shimPid(task);
    process.kill(monitorOf(task), 'SIGKILL');
    expect(await shim.wait(task)).toBe(137);
    await killable.takenAway(task);
    await eventually(() => !alive(theirs) && !alive(task.pid), "their shim's end");
  }, 120_000);

  test('what gantry cleanup does: their shim is ended and its socket gone', async () => {
    const task = await shim.create({ args: ['sleep', '1000'] });
    await shim.startTask(task);
    const theirs = shimPid(task);
    const { endpoint } = JSON.parse(readFileSync(join(task.bundle, 'endpoint.json'), 'utf8')) as { endpoint: { address: string } };
    endServer(task.bundle);
    expect(await shim.wait(task)).toBe(137);
    expect(alive(theirs)).toBe(false);
    expect(existsSync(endpoint.address.replace('unix://', ''))).toBe(false);
    await shim.delete(task);
    expect(shim.mounts()).toEqual([]);
  });

  test('a shim that does not answer as one is told by name, and leaves nothing', async () => {
    await expect(shim.create({ args: ['true'], options: { binary: '/bin/false' } })).rejects.toMatchObject({
      message: expect.stringContaining('/bin/false start') as string,
    });
    await expect(shim.create({ args: ['true'], options: { binary: '/bin/echo' } })).rejects.toMatchObject({
      kind: expect.stringMatching(/unavailable|invalidArgument/) as string,
    });
    await expect(shim.create({ args: ['true'], options: { binary: '/no/shim' } })).rejects.toMatchObject({ kind: 'notFound' });
    expect(shim.mounts()).toEqual([]);
  });
});
