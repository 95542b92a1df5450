import { existsSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { WORK } from './pods';

interface Seen {
  readonly pid: string;
  readonly parent: string;
  readonly line: string;
  readonly network: string;
}

/** All processes that an engine runs for itself: on its network, with its folder in their command line, its holders of pods, and children of those (pauses) but the workload. */
export function engineProcesses(folder: string, netns: string, run: string): string[] {
  const network = `net:[${statSync(`/run/netns/${netns}`).ino}]`;
  const seen = readdirSync('/proc').flatMap((pid) => look(pid) ?? []);
  const mine = new Set(seen.filter((one) => one.network === network || one.line.includes(folder)).map(({ pid }) => pid));
  for (const pid of holders(run)) mine.add(pid);
  for (const { pid, parent } of seen) if (mine.has(parent)) mine.add(pid);
  const work = new Set(seen.filter(({ line }) => line === WORK.join(' ')).map(({ pid }) => pid));
  return [...mine].filter((pid) => !work.has(pid) && pid !== String(process.pid));
}

function look(pid: string): Seen | undefined {
  if (!/^\d+$/.test(pid)) return undefined;
  try {
    return {
      pid,
      parent: /^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '',
      line: readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim(),
      network: readlinkSync(`/proc/${pid}/ns/net`),
    };
  } catch {
    return undefined; // it ended meanwhile
  }
}

/** Processes of ours that hold the namespaces of pods. */
export function holders(run: string): string[] {
  const folder = join(run, 'shim/holders');
  if (!existsSync(folder)) return [];
  return readdirSync(folder).map((name) => String((JSON.parse(readFileSync(join(folder, name), 'utf8')) as { pid: number }).pid));
}

/** Memory that could be had without swapping, MiB. */
export const available = (): number => Number(/^MemAvailable:\s+(\d+)/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1] ?? 0) / 1024;
