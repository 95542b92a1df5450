import { readFileSync } from 'node:fs';
import type { Engine } from '../../test-e2e/src/harness/engine';
import { timed } from './measure';

export interface Many {
  readonly count: number;
  /** Milliseconds until all of them run, started 20 at once. */
  readonly startMs: number;
  /** MiB that the machine has less than before, and that the engine's own processes have more (the containers' programs not counted). */
  readonly machineMib: number;
  readonly engineMib: number;
  /** Milliseconds of `docker ps` (the best of three), and of removing all. */
  readonly psMs: number;
  readonly removeMs: number;
}

const LANES = 20;

function availableMib(): number {
  return Number(/^MemAvailable:\s+(\d+)/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1] ?? Number.NaN) / 1024;
}

/** So many idle containers at once; `own` answers the MiB of the engine's processes, its monitors or shims included. */
export async function manyContainers(engine: Engine, count: number, own: () => number): Promise<Many> {
  const must = async (...args: string[]): Promise<string> => {
    const result = await engine.docker(args, { timeout: 600_000 });
    if (result.code !== 0) throw new Error(`${engine.kind}: docker ${args[0] ?? ''}: ${result.stderr}`);
    return result.stdout;
  };
  const before = { machine: availableMib(), own: own() };
  let left = count;
  const lane = async (): Promise<void> => {
    while (left-- > 0) await must('run', '-d', '--network', 'none', 'busybox', 'sleep', '60000');
  };
  const startMs = await timed(() => Promise.all(Array.from({ length: LANES }, lane)));
  const after = { machine: availableMib(), own: own() };
  const times: number[] = [];
  let ids: string[] = [];
  for (let i = 0; i < 3; i++)
    times.push(
      await timed(async () => {
        ids = (await must('ps', '-q')).split('\n').filter(Boolean);
      }),
    );
  if (ids.length !== count) throw new Error(`${engine.kind}: ${ids.length} of ${count} containers run`);
  const removeMs = await timed(() => must('rm', '-f', ...ids));
  return {
    count,
    startMs,
    machineMib: before.machine - after.machine,
    engineMib: after.own - before.own,
    psMs: Math.min(...times),
    removeMs,
  };
}

export function describeMany(kind: string, { count, startMs, machineMib, engineMib, psMs, removeMs }: Many): string {
  return `${kind}: ${count} idle containers: started in ${(startMs / 1000).toFixed(1)} s; memory ${machineMib.toFixed(0)} MiB in all, ${engineMib.toFixed(0)} MiB the engine's (${(engineMib / count).toFixed(2)} each); docker ps ${psMs.toFixed(0)} ms; removed in ${(removeMs / 1000).toFixed(1)} s`;
}
