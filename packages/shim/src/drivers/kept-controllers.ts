import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { unavailable } from '@gantry/rpc';
import type { CgroupPlan } from '@gantry/runtime';

/** Where systemd is found; a test gives its own. */
export interface SystemdPlaces {
  /** There where systemd runs. */
  readonly running: string;
  readonly busctl: readonly [program: string, ...args: string[]];
}

const HOST: SystemdPlaces = { running: '/run/systemd/system', busctl: ['busctl'] };

const MANAGER = ['org.freedesktop.systemd1', '/org/freedesktop/systemd1', 'org.freedesktop.systemd1.Manager'];
/** Each has systemd turn a controller on for what is beside the unit, too: cpu, io, memory, pids, cpuset. It has no process that they could bind. */
const WANTS = [
  ['Description', 's', 'Keeps the controllers of containers that Gantry lays out here'],
  ['CPUWeight', 't', '100'],
  ['IOAccounting', 'b', 'true'],
  ['MemoryAccounting', 'b', 'true'],
  ['TasksAccounting', 'b', 'true'],
  ['AllowedMemoryNodes', 'ay', '1', '1'],
];

/**
 * A container's cgroup in one of systemd's slices is laid out by us. systemd turns those controllers off in a slice that none of the units it knows there
 * wants, at the next change of the slice, and the container's limits would go without a word: an empty slice beside the container wants them all. It goes with
 * the slice that it is in. Rejects with unavailable where systemd does not answer.
 */
export async function keepControllers({ mode, path, directories }: CgroupPlan, places: SystemdPlaces = HOST): Promise<void> {
  const slice = basename(dirname(path));
  const [unified] = directories;
  if (mode !== 'v2' || unified === undefined || !slice.endsWith('.slice') || !existsSync(places.running)) return;
  const keeper = `${slice.replace(/\.slice$/, '')}-gantry.slice`;
  if (existsSync(`${dirname(unified.directory)}/${keeper}`)) return;
  const [program, ...args] = places.busctl;
  const call = ['--quiet', 'call', ...MANAGER, 'StartTransientUnit', 'ssa(sv)a(sa(sv))', keeper, 'replace'];
  await run(program, [...args, ...call, String(WANTS.length), ...WANTS.flat(), '0']);
}

function run(program: string, args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile(program, [...args], { timeout: 30_000 }, (error, _stdout, stderr) => {
      // Two containers may start in one slice at once.
      if (error === null || stderr.includes('was already loaded')) resolve();
      else reject(unavailable(`cgroup driver systemd: ${program}: ${stderr.trim().split('\n', 1)[0] || error.message}`, { cause: error }));
    });
  });
}
