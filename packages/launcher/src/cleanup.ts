import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { syscalls } from '@gantry/linux';
import { networkService, purge } from '@gantry/network';
import { invalidArgument } from '@gantry/rpc';
import { createLogger } from '@gantry/service';
import { endServer, purgeGroups } from '@gantry/shim';
import { readUpOptions, serviceConfig } from './config';

interface MonitorFile {
  readonly pid: number;
  readonly start_time: number;
  readonly monitor_pid: number;
  readonly monitor_start_time?: number;
}

/**
 * `gantry cleanup`: for an engine that is stopped. Ends its containers, their monitors and the shims of others (by pid and start time), unmounts what lies below its
 * roots, and removes its cgroups, links and firewall table. Its data stays on disk.
 */
export async function cleanup(argv: readonly string[]): Promise<void> {
  if (!argv.some((word) => word.startsWith('--root')) || !argv.some((word) => word.startsWith('--run')))
    throw invalidArgument('cleanup needs --root and --run');
  const options = readUpOptions(argv);
  const { root, run } = options;
  const tasks = taskFolders(join(run, 'tasks'));
  for (const folder of tasks) endTask(folder);
  endHolders(join(run, 'shim', 'holders'));
  for (const target of mountsBelow([root, run])) await syscalls.async.umount2(target, 2 /* MNT_DETACH */).catch(() => undefined);
  await purgeGroups(run, tasks);
  const logger = createLogger({ service: networkService.name, version: networkService.version, level: 'warn' });
  if (existsSync(join(root, networkService.name)))
    await purge({ config: serviceConfig(networkService, options), logger, data: join(root, networkService.name) });
}

function taskFolders(tasks: string): string[] {
  if (!existsSync(tasks)) return [];
  const folders = (path: string): string[] =>
    readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(path, entry.name));
  return folders(tasks).flatMap(folders);
}

function endTask(folder: string): void {
  for (const file of readdirSync(folder, { recursive: true }) as string[]) {
    if (!file.endsWith('monitor.json')) continue;
    const state = JSON.parse(readFileSync(join(folder, file), 'utf8')) as MonitorFile;
    end(state.pid, state.start_time);
    end(state.monitor_pid, state.monitor_start_time);
  }
  endServer(folder);
}

/** Of pods that were not removed. */
function endHolders(folder: string): void {
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    const { pid, startTime } = JSON.parse(readFileSync(join(folder, name), 'utf8')) as { readonly pid: number; readonly startTime: string };
    end(pid, Number(startTime));
  }
}

/** Kills a process only if it is the one that was meant: pids are given again. */
function end(pid: number, startTime: number | undefined): void {
  if (pid <= 1) return;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const started = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
    if (startTime === undefined || started === startTime) process.kill(pid, 'SIGKILL');
  } catch {
    // it is gone already
  }
}

function mountsBelow(roots: readonly string[]): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((target) => roots.some((root) => target.startsWith(`${root}/`)))
    .reverse();
}
