import { readExitState, readMonitorState } from '../monitor/state-files';
import type { TaskParts } from '../tasks/engine';
import { undoTask } from '../tasks/undo';
import type { ControlAnswer } from './control';

const SIGKILLED = 137;

/** Kills a task and forgets it, silently: containerd tells of its end itself. Answers the exit that it had, if it had one. */
export async function cleanTask(engine: TaskParts, namespace: string, id: string): Promise<ControlAnswer> {
  const task = engine.registry.find(namespace, id);
  if (task === undefined) return { ok: true, pid: 0, exitCode: SIGKILLED, exitedAt: new Date().toISOString() };
  const pid = task.init.pid || (readMonitorState(task.dir)?.pid ?? 0);
  for (const exec of task.execs.values()) exec.process.detach();
  const exit = task.init.exitState ?? readExitState(task.dir);
  if (task.record.cgroup !== undefined) await engine.cgroups.killAll(task.record.cgroup).catch(() => undefined); // what outlives its init goes with the undo
  await undoTask(engine, task);
  engine.registry.forget(namespace, id);
  return { ok: true, pid, exitCode: exit?.exit_code ?? SIGKILLED, exitedAt: exit?.exited_at ?? new Date().toISOString() };
}
