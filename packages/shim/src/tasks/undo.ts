import { readdir, rm, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { errorText, GantryError } from '@gantry/rpc';
import { isSameProcess, readMonitorState } from '../monitor/state-files';
import type { Engine } from './engine';
import { driverTask, type Task } from './task';

/**
 * Takes away everything that a task made: processes, monitors, the driver's state, the rootfs mount, the directory. Each part is tried
 * whatever the others do, and all may be repeated; the record goes last, so that what failed is tried again by the next shim.
 */
export async function undoTask(engine: Engine, task: Pick<Task, 'record' | 'dir' | 'spec' | 'driver' | 'init'>): Promise<void> {
  task.init.detach();
  const failures: unknown[] = [];
  const attempt = (work: Promise<unknown>): Promise<unknown> => work.catch((error: unknown) => failures.push(error));
  for (const dir of [...(await execDirs(task.dir)), task.dir]) await attempt(endMonitor(dir));
  await attempt(task.driver.remove(driverTask(task)));
  await attempt(rm(task.record.socket, { force: true }));
  if (task.record.rootfs !== undefined) await attempt(engine.rootfs.unmount(task.record.rootfs));
  if (failures.length > 0) {
    throw new GantryError('internal', `cannot take task ${task.record.id} away: ${failures.map(errorText).join('; ')}`, { cause: failures[0] });
  }
  await removeTaskDir(task.dir, task.record.rootfs);
}

async function execDirs(dir: string): Promise<string[]> {
  const names = await readdir(join(dir, 'execs')).catch(() => []);
  return names.map((name) => join(dir, 'execs', name));
}

/** Kills what a monitor watches, and the monitor, whoever started it. */
export async function endMonitor(dir: string): Promise<void> {
  const state = await readMonitorState(dir);
  if (state === undefined) return;
  for (const [pid, start] of [[state.pid, state.start_time], [state.monitor_pid, state.monitor_start_time]] as const) {
    if (!(await isSameProcess(pid, start))) continue;
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // it ended by itself
    }
  }
  await rm(state.socket, { force: true });
}

/** The directory's own files; never into a rootfs, which only a failed unmount would leave there. */
export async function removeTaskDir(dir: string, rootfs: string | undefined): Promise<void> {
  await rm(join(dir, 'execs'), { recursive: true, force: true });
  if (rootfs !== undefined) await rmdir(rootfs).catch(() => undefined);
  const entries = await readdir(dir, { withFileTypes: true }).catch(() => []);
  // The record last: without it nobody would look at this directory again.
  entries.sort((a, b) => Number(a.name === 'task.json') - Number(b.name === 'task.json'));
  for (const entry of entries) {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) await rmdir(path).catch(() => undefined);
    else await unlink(path).catch(() => undefined);
  }
  await rmdir(dir).catch(() => undefined);
}
