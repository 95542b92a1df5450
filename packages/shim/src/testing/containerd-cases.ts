import { packJson, unpackAny } from '@gantry/api';
import { Metrics as MetricsV1 } from '@gantry/api/io/containerd/cgroups/v1/metrics';
import { Metrics as MetricsV2 } from '@gantry/api/io/containerd/cgroups/v2/metrics';
import { Status } from '@gantry/api/containerd/v1/types/task';
import { type Created, eventually, type ShimFixture } from './shim-fixture';

/** What containerd and its clients do beside the plain life of a task. */
export function containerdCases(shim: () => ShimFixture): void {
  const sleeper = async (...args: string[]): Promise<Created> => {
    const task = await shim().create({ args: args.length === 0 ? ['sleep', '100'] : args });
    await shim().startTask(task);
    return task;
  };
  const kill = (task: Created, signal: number, execId = '', all = false) =>
    shim().tasks.kill(shim().ctx, { id: task.id, execId, signal, all });
  const pids = async (task: Created) => (await shim().tasks.pids(shim().ctx, { id: task.id })).processes.map(({ pid }) => pid);
  const end = async (task: Created) => {
    await kill(task, 9);
    await shim().wait(task);
    await shim().delete(task);
  };

  test('exec processes end with the codes and signals that they have', async () => {
    const task = await sleeper();
    const cases: [string, number][] = [
      ['exit 0', 0],
      ['exit 1', 1],
      ['exit 255', 255],
      ['exit 126', 126],
      ['kill -TERM $$', 143],
      ['kill -KILL $$', 137],
      ['nosuchprogram', 127],
    ];
    for (const [index, [script, code]] of cases.entries()) {
      const execId = `x${index}`;
      await shim().exec(task, execId, { args: ['sh', '-c', script] });
      await shim().startTask(task, execId);
      expect([script, await shim().wait(task, execId)]).toEqual([script, code]);
      expect(await shim().tasks.state(shim().ctx, { id: task.id, execId })).toMatchObject({
        status: Status.STOPPED,
        exitStatus: code,
        execId,
      });
      expect(await shim().delete(task, execId)).toBe(code);
      await expect(shim().delete(task, execId)).rejects.toMatchObject({ kind: 'notFound' });
    }
    await end(task);
  });

  test('the process ids are those of init, its children and its execs; kill of all reaches each of them', async () => {
    const task = await sleeper('sh', '-c', 'sleep 101 & sleep 102 & wait');
    await shim().exec(task, 'more', { args: ['sh', '-c', 'sleep 103 & wait'] });
    const exec = await shim().startTask(task, 'more');
    const deadline = Date.now() + 30_000;
    while ((await pids(task)).length < 5 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 10));
    const all = await pids(task);
    expect(all).toHaveLength(5);
    expect(all).toEqual(expect.arrayContaining([task.pid, exec]));
    await kill(task, 9, '', true);
    expect([await shim().wait(task), await shim().wait(task, 'more')]).toEqual([137, 137]);
    expect(await shim().delete(task)).toBe(137);
    await eventually(() => !shim().hasCgroup(task), 'the end of the cgroup');
  });

  test('waits, before and after the end, are all told the same; a second delete finds nothing', async () => {
    const task = await sleeper('sh', '-c', 'sleep 0.2; exit 12');
    const wait = () => shim().tasks.wait(shim().ctx, { id: task.id, execId: '' });
    const [first, second] = await Promise.all([wait(), wait()]);
    expect(first.exitStatus).toBe(12);
    expect(second).toEqual(first);
    expect(await wait()).toEqual(first);
    const deleted = await shim().tasks.delete(shim().ctx, { id: task.id, execId: '' });
    expect(deleted).toMatchObject({ pid: task.pid, exitStatus: 12, exitedAt: first.exitedAt });
    await expect(shim().delete(task)).rejects.toMatchObject({ kind: 'notFound' });
    await expect(wait()).rejects.toMatchObject({ kind: 'notFound' });
  });

  test('a task that was never started is deleted, and its waiter is told', async () => {
    const task = await shim().create({ args: ['sleep', '100'] });
    const waiting = shim().wait(task);
    expect(await shim().delete(task)).toBe(137);
    expect(await waiting).toBe(137);
    expect(shim().mounts()).toEqual([]);
  });

  test('Connect tells pids and version; what is not there is notFound', async () => {
    const task = await sleeper();
    expect(await shim().tasks.connect(shim().ctx, { id: task.id })).toEqual({ shimPid: process.pid, taskPid: task.pid, version: '3' });
    await expect(shim().tasks.connect(shim().ctx, { id: 'nobody' })).rejects.toMatchObject({ kind: 'notFound' });
    for (const asked of [
      () => shim().wait(task, 'none'),
      () => kill(task, 9, 'none'),
      () => shim().startTask(task, 'none'),
      () => shim().delete(task, 'none'),
    ])
      await expect(asked()).rejects.toMatchObject({ kind: 'notFound' });
    await expect(kill(task, 0)).rejects.toMatchObject({ kind: 'invalidArgument' });
    await end(task);
  });

  test("metrics have the groups that containerd's clients print", async () => {
    const task = await sleeper('sh', '-c', 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; sleep 100');
    await shim().tasks.update(shim().ctx, {
      id: task.id,
      resources: packJson('types.containerd.io/opencontainers/runtime-spec/1/LinuxResources', { pids: { limit: 44 } }),
      annotations: {},
    });
    const { stats } = await shim().tasks.stats(shim().ctx, { id: task.id });
    const one = unpackAny(stats, MetricsV1);
    if (one === undefined) {
      const two = unpackAny(stats, MetricsV2);
      expect(two?.pids).toMatchObject({ limit: 44n });
      expect([two?.cpu?.usageUsec, two?.memory?.usage].map((value) => (value ?? 0n) > 0n)).toEqual([true, true]);
    } else {
      expect(one.pids?.limit).toBe(44n);
      expect(
        [one.pids?.current, one.cpu?.usage?.total, one.memory?.usage?.usage, one.memory?.usage?.max].map((value) => (value ?? 0n) > 0n),
      ).toEqual([true, true, true, true]);
      expect(one.cpu?.usage?.perCpu.length).toBeGreaterThan(0);
      expect(one.cpu?.throttling).toBeDefined();
      expect(one.blkio).toBeDefined();
    }
    await end(task);
  });

  test('init and exec of one terminal each are resized apart', async () => {
    const task = await shim().create({ args: ['sh', '-c', 'read x; stty size; sleep 100'], terminal: true, stdin: true });
    const first = await shim().attach(task.socket);
    await shim().startTask(task);
    const second = await shim().attach(
      await shim().exec(task, 'tty', { args: ['sh', '-c', 'read x; stty size'], terminal: true, stdin: true }),
    );
    await shim().startTask(task, 'tty');
    await shim().tasks.resizePty(shim().ctx, { id: task.id, execId: '', width: 61, height: 11 });
    await shim().tasks.resizePty(shim().ctx, { id: task.id, execId: 'tty', width: 62, height: 12 });
    first.write('\n');
    second.write('\n');
    await Promise.all([first.seen('11 61'), second.seen('12 62')]);
    expect(await shim().wait(task, 'tty')).toBe(0);
    await shim().delete(task, 'tty');
    await expect(shim().tasks.resizePty(shim().ctx, { id: task.id, execId: 'none', width: 1, height: 1 })).rejects.toMatchObject({
      kind: 'notFound',
    });
    await end(task);
  });
}
