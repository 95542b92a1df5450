import { type Dirent, readdirSync, rmdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { errorText, GantryError } from '@gantry/rpc';
import { isSameProcess, readMonitorState, removeSocket } from '../monitor/state-files';
import { removeMappedBinds } from '../rootfs/mapped-binds';
import type { TaskParts } from './engine';
import { driverTask, type Task } from './task';

/**
 * Takes away everything that a task made: processes, monitors, the driver's state, the rootfs mount, the directory. Each part is tried
 * whatever the others do, and all may be repeated; the record goes last, so that what failed is tried again by the next shim.
 */
export async function undoTask(engine: TaskParts, task: Pick<Task, 'record' | 'dir' | 'spec' | 'driver' | 'init'>): Promise<void> {
  task.init.detach();
  const failures: unknown[] = [];
  const attempt = async (work: () => unknown): Promise<void> => {
    try {
      await work();
    } catch (error) {
      failures.push(error);
    }
  };
  const execs = join(task.dir, 'execs');
  for (const dir of [...entriesOf(execs).map(({ name }) => join(execs, name)), task.dir]) await attempt(() => endMonitor(dir));
  await attempt(() => task.driver.remove(driverTask(task)));
  await attempt(() => removeSocket(task.record.socket));
  if (!task.driver.mapsBinds) await attempt(() => removeMappedBinds(engine.rootfs, task.record.bundle));
  await attempt(() => (task.record.rootfs === undefined ? undefined : engine.rootfs.unmount(task.record.rootfs)));
  if (failures.length > 0) {
    throw new GantryError('internal', `cannot take task ${task.record.id} away: ${failures.map(errorText).join('; ')}`, {
      cause: failures[0],
    });
  }
  removeTaskDir(task.dir, task.record.rootfs);
}

/** Kills what a monitor watches, and the monitor, whoever started it. */
export function endMonitor(dir: string): void {
  const state = readMonitorState(dir);
  if (state === undefined) return;
  for (const [pid, start] of [
    [state.pid, state.start_time],
    [state.monitor_pid, state.monitor_start_time],
  ] as const) {
    if (!isSameProcess(pid, start)) continue;
    quietly(() => process.kill(pid, 'SIGKILL')); // it may end by itself
  }
  removeSocket(state.socket);
}

/** The directory's own files; never into a rootfs, which only a failed unmount would leave there. */
export function removeTaskDir(dir: string, rootfs: string | undefined): void {
  const execs = join(dir, 'execs');
  for (const { name } of entriesOf(execs)) removeFlat(join(execs, name));
  quietly(() => rmdirSync(execs));
  if (rootfs !== undefined) quietly(() => rmdirSync(rootfs));
  removeFlat(dir);
}

/**
 * What of a task's directory goes first and last. The monitor's state first: with it but without an exit the next shim would tell the loss of the monitor;
 * without it, it goes on taking away. The record last: without it nobody would look at the directory again.
 */
export const byRemoval = (a: string, b: string): number => rank(a) - rank(b);

const rank = (name: string): number => (name === 'monitor.json' ? 0 : name === 'task.json' ? 2 : 1);

/** Nothing where it is not empty. */
export const removeEmpty = (dir: string): void => quietly(() => rmdirSync(dir));

/** A directory with the files in it. */
export function removeFlat(dir: string): void {
  for (const entry of entriesOf(dir).sort((a, b) => byRemoval(a.name, b.name))) {
    const path = join(dir, entry.name);
    quietly(() => (entry.isDirectory() ? rmdirSync(path) : unlinkSync(path)));
  }
  quietly(() => rmdirSync(dir));
}

function entriesOf(dir: string): Dirent[] {
  try {
    return readdirSync(dir, { withFileTypes: true });
  } catch {
    return [];
  }
}

/** What is gone, or not ours to remove, is left. */
function quietly(work: () => unknown): void {
  try {
    work();
  } catch {
    // the next start of the shim looks at it again
  }
}
