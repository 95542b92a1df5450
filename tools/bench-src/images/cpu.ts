import { readdirSync, readFileSync } from 'node:fs';

/** Clock ticks a second, which Linux fixes for /proc. */
const TICK_MS = 10;

/** Milliseconds of processor time of all processes whose command line names the folder, and of their children that ended. The registry's not. */
export function engineCpu(folder: string): number {
  let ticks = 0;
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
    try {
      const cmdline = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      if (!cmdline.includes(folder) || cmdline.startsWith('docker-registry') || cmdline.startsWith('ctr\0')) continue;
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
      for (const at of [11, 12, 13, 14]) ticks += Number(fields[at] ?? 0);
    } catch {
      // the process ended meanwhile: its parent counts it
    }
  }
  return ticks * TICK_MS;
}

/** Milliseconds in the last line of what the shell's `times` says: its children's user and system time, such as 0m0.120s 0m0.340s. */
export function clientCpu(text: string): number {
  const line = text.trim().split('\n').at(-1) ?? '';
  return [...line.matchAll(/(\d+)m([\d.]+)s/g)].reduce(
    (sum, [, minutes, seconds]) => sum + Number(minutes) * 60_000 + Number(seconds) * 1000,
    0,
  );
}
