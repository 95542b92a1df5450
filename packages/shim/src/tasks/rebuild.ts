import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Spec } from '@gantry/oci';
import { errorText, GantryError } from '@gantry/rpc';
import {
  type ExitState,
  isSameProcess,
  readExitState,
  readJson,
  readMonitorState,
  removeTorn,
  writeExitState,
} from '../monitor/state-files';
import { readSpec } from './create';
import { type TaskParts, execDir } from './engine';
import type { ExecRecord, TaskRecord } from './record';
import { driverTask, type Task } from './task';
import { endMonitor, removeEmpty, removeFlat, undoTask } from './undo';
import { watchProcess } from './watch';
import { watchedTask } from './watched-task';

/** What processes of an earlier boot are said to have exited with. */
const REBOOT_CODE = 255;

/**
 * Finds every task again that a former shim made: those that were acknowledged are adopted, with their monitors or the exits on file;
 * creations that were cut short are undone. A task that cannot be handled is logged and left for the next start.
 */
export async function rebuild(engine: TaskParts): Promise<void> {
  const root = join(engine.run, 'tasks');
  for (const namespace of await list(root)) {
    for (const id of await list(join(root, namespace))) {
      const dir = join(root, namespace, id);
      await rebuildTask(engine, dir).catch((error: unknown) => {
        engine.logger.error({ err: error, namespace, id }, `cannot rebuild a task: ${errorText(error)}`);
      });
    }
  }
}

const list = (dir: string): Promise<string[]> => readdir(dir).catch(() => []);

async function rebuildTask(engine: TaskParts, dir: string): Promise<void> {
  const record = readJson<TaskRecord>(join(dir, 'task.json'));
  if (record === undefined) return removeLate(dir);
  const { namespace, id } = record;
  const spec = specOf(record.bundle);
  const task = watchedTask(engine, record, { dir, spec });
  const { init } = task;
  const state = readMonitorState(dir);
  if (state?.acknowledged !== true) {
    engine.logger.info({ namespace, id }, 'undoing a creation that was cut short');
    await undoTask(engine, task);
    return;
  }
  if (record.bootId !== engine.bootId) endedByReboot(dir);
  engine.registry.reserve(namespace, id);
  engine.registry.add(task);
  await init.adopt();
  if (init.status === 'running' && record.cgroup !== undefined) task.paused = await engine.cgroups.frozen(record.cgroup).catch(() => false);
  for (const execId of await list(join(dir, 'execs'))) await rebuildExec(engine, task, execId);
}

/**
 * A directory without a record is a bundle without a task, and its owner's; but for what a monitor wrote that was only starting while the undo of its
 * creation took the record away, and a record that was not written to its end.
 */
function removeLate(dir: string): void {
  if (removeTorn(join(dir, 'task.json'))) removeEmpty(dir);
  if (readMonitorState(dir) === undefined || existsSync(join(dir, 'config.json'))) return;
  endMonitor(dir);
  removeFlat(dir);
}

async function rebuildExec(engine: TaskParts, task: Task, execId: string): Promise<void> {
  const dir = execDir(task.dir, execId);
  const { namespace, id } = task.record;
  const [record, state] = [readJson<ExecRecord>(join(dir, 'exec.json')), readMonitorState(dir)];
  if (record === undefined || (state?.acknowledged !== true && record.refusal === undefined)) {
    endMonitor(dir);
    return;
  }
  const process = watchProcess(engine, {
    namespace,
    id,
    execId,
    dir,
    socket: record.socket,
    remote: task.driver.remote?.(() => driverTask(task), { execId, dir }),
    killAll: async () => undefined,
    ended: () => undefined,
  });
  task.execs.set(execId, { record, dir, process });
  if (record.refusal === undefined) await process.adopt();
  else process.refuse(new GantryError(record.refusal.kind, record.refusal.message, { meta: record.refusal.meta }));
}

/** A bundle that its owner took away leaves enough for the task's end. */
function specOf(bundle: string): Spec {
  try {
    return readSpec(bundle);
  } catch {
    return { ociVersion: '1.0.0' };
  }
}

function endedByReboot(dir: string): void {
  const [state, exit] = [readMonitorState(dir), readExitState(dir)];
  if (exit !== undefined || (state !== undefined && isSameProcess(state.monitor_pid, state.monitor_start_time))) return;
  const ended: ExitState = { exit_code: REBOOT_CODE, exited_at: new Date().toISOString(), oom: false, error: 'the host was restarted' };
  writeExitState(dir, ended);
}
