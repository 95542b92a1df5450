import { readdirSync, readFileSync } from 'node:fs';

/** Milliseconds that an action takes. */
export async function timed(action: () => Promise<unknown>): Promise<number> {
  const start = process.hrtime.bigint();
  await action();
  return Number(process.hrtime.bigint() - start) / 1e6;
}

export function median(samples: readonly number[]): number {
  return quantile(samples, 0.5);
}

export function quantile(samples: readonly number[], q: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

/** Sum of the proportional set sizes, MiB, of these processes. */
export function pssOf(pids: Iterable<string>): number {
  let kib = 0;
  for (const pid of pids) {
    try {
      kib += pssKib(pid);
    } catch {
      // the process ended meanwhile
    }
  }
  return kib / 1024;
}

function pssKib(pid: string): number {
  return Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0);
}

/** Sum of the proportional set sizes, MiB, of all processes whose command line matches. */
export function pss(match: (cmdline: string) => boolean): { mib: number; processes: number } {
  let kib = 0;
  let processes = 0;
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
    try {
      if (!match(readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' '))) continue;
      kib += pssKib(pid);
      processes++;
    } catch {
      // the process ended meanwhile
    }
  }
  return { mib: kib / 1024, processes };
}
