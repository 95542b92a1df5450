// All of these are synchronous: small files of the run root and of /proc, a tenth of the time that the thread pool takes.
import { existsSync, readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
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

export const readMonitorState = (dir: string): MonitorState | undefined => readJson<MonitorState>(join(dir, 'monitor.json'));
export const readExitState = (dir: string): ExitState | undefined => readJson<ExitState>(join(dir, 'exit.json'));
export const writeExitState = (dir: string, exit: ExitState): void => writeJson(join(dir, 'exit.json'), exit);

/** The parsed file; undefined when it is missing or torn. */
export function readJson<T>(path: string): T | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as T;
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Written beside and renamed, so that a reader never sees a part. */
export function writeJson(path: string, value: unknown): void {
  writeFileSync(`${path}.tmp`, JSON.stringify(value), { mode: 0o600 });
  renameSync(`${path}.tmp`, path);
}

/** Takes away what a write that was cut short left; says whether there was any. */
export function removeTorn(path: string): boolean {
  const torn = `${path}.tmp`;
  if (!existsSync(torn)) return false;
  unlinkSync(torn);
  return true;
}

/** A monitor takes its socket away itself, unless it was killed. */
export function removeSocket(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** Field 22 of /proc/<pid>/stat, undefined when there is no such process (or it is a zombie). */
export function startTimeOf(pid: number): number | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' ? undefined : Number(fields[19]);
}

/** Whether the process with this pid is still the one that was recorded. */
export function isSameProcess(pid: number, startTime: number): boolean {
  return pid > 0 && startTimeOf(pid) === startTime;
}
