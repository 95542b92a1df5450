import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** monitor.json, written by the monitor before it clones the process. `pid` 0: not cloned yet. */
export interface MonitorState {
  readonly pid: number;
  readonly start_time: number;
  readonly monitor_pid: number;
  readonly monitor_start_time: number;
  readonly socket: string;
  readonly acknowledged: boolean;
  readonly started: boolean;
}

/** exit.json, written by the monitor before it reports, or by the shim for a monitor that died. */
export interface ExitState {
  readonly exit_code: number;
  readonly exited_at: string;
  readonly oom: boolean;
  readonly log_dropped?: number;
  readonly error?: string;
}

export const readMonitorState = (dir: string): Promise<MonitorState | undefined> => readJson<MonitorState>(join(dir, 'monitor.json'));
export const readExitState = (dir: string): Promise<ExitState | undefined> => readJson<ExitState>(join(dir, 'exit.json'));

export async function writeExitState(dir: string, exit: ExitState): Promise<void> {
  await writeJson(join(dir, 'exit.json'), exit);
}

/** The parsed file; undefined when it is missing or torn. */
export async function readJson<T>(path: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as T;
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Written beside and renamed, so that a reader never sees a part. */
export async function writeJson(path: string, value: unknown): Promise<void> {
  await writeFile(`${path}.tmp`, JSON.stringify(value), { mode: 0o600 });
  await rename(`${path}.tmp`, path);
}

/** Field 22 of /proc/<pid>/stat, undefined when there is no such process (or it is a zombie). */
export async function startTimeOf(pid: number): Promise<number | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => undefined);
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields === undefined || fields[0] === 'Z' ? undefined : Number(fields[19]);
}

/** Whether the process with this pid is still the one that was recorded. */
export async function isSameProcess(pid: number, startTime: number): Promise<boolean> {
  return pid > 0 && (await startTimeOf(pid)) === startTime;
}
