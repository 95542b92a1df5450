import { TaskDelete } from '@gantry/api/containerd/events/events';
import { type CallContext, failedPrecondition } from '@gantry/rpc';
import type { ExitState } from '../monitor/state-files';
import { removeMappedBinds } from '../rootfs/mapped-binds';
import type { TaskParts } from './engine';
import { driverTask, type Task } from './task';
import { removeFlat, removeTaskDir } from './undo';
import { exitedAt } from './watch';

export interface Deleted {
  readonly pid: number;
  readonly exit: ExitState;
}

/** Takes a stopped (or never started) task, or a stopped exec process, away; answers its exit for the last time. */
export async function deleteProcess(engine: TaskParts, ctx: CallContext, id: string, execId: string): Promise<Deleted> {
  return execId === '' ? deleteTask(engine, ctx, id) : deleteExec(engine, ctx, id, execId);
}

async function deleteExec(engine: TaskParts, ctx: CallContext, id: string, execId: string): Promise<Deleted> {
  const task = engine.registry.get(ctx.namespace, id);
  const exec = engine.registry.exec(ctx.namespace, id, execId);
  const { process } = exec;
  if (process.status === 'created' && process.exitState === undefined) await process.discard();
  else if (process.exitState === undefined) throw failedPrecondition(`exec ${execId} of task ${id} is running`);
  const exit = await process.exit;
  const { ran, pid } = process;
  await process.release();
  removeFlat(exec.dir);
  task.execs.delete(execId);
  return { pid, exit: ran ? exit : { ...exit, exit_code: 0 } };
}

async function deleteTask(engine: TaskParts, ctx: CallContext, id: string): Promise<Deleted> {
  const task = engine.registry.get(ctx.namespace, id);
  if (task.init.status === 'running' && task.init.exitState === undefined) throw failedPrecondition(`task ${id} is running`);
  task.deleting ??= removeTask(engine, task).finally(() => {
    task.deleting = undefined;
  });
  await task.deleting;
  return { pid: task.init.pid, exit: await task.init.exit };
}

const SIGKILL = 9;

async function unmount(engine: TaskParts, task: Task): Promise<void> {
  const { rootfs } = task.record;
  if (rootfs === undefined || (await task.unmounted) === true) return;
  await engine.rootfs.unmount(rootfs);
}

async function removeTask(engine: TaskParts, task: Task): Promise<void> {
  const { namespace, id, rootfs } = task.record;
  if (task.init.exitState === undefined) await task.init.signal(SIGKILL).catch(() => undefined); // created, never started
  const exit = await task.init.exit;
  const execs = [...task.execs.values()];
  // Execs die with init's pid namespace, or by the driver's sweep.
  await Promise.all(
    execs.map(async (exec) => {
      if (!exec.process.ran) await exec.process.discard();
      else if (exec.process.exitState === undefined) await exec.process.signal(SIGKILL).catch(() => undefined);
      await exec.process.exit;
      await exec.process.release();
    }),
  );
  await Promise.all([
    unmount(engine, task), // in the helper, beside the rest
    task.driver.remove(driverTask(task)),
    task.driver.mapsBinds ? undefined : removeMappedBinds(engine.rootfs, task.record.bundle),
  ]);
  await task.init.release();
  removeTaskDir(task.dir, rootfs);
  engine.registry.forget(namespace, id);
  engine.publisher.publish(namespace, '/tasks/delete', TaskDelete, {
    containerId: id,
    id,
    pid: task.init.pid,
    exitStatus: exit.exit_code,
    exitedAt: exitedAt(exit),
  });
}
