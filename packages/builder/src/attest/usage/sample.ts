import { readFileSync } from 'node:fs';

/** Ticks of /proc/stat in a second: what user space is told on every architecture that we run on. */
const TICKS = 100;

const CPU = ['user', 'nice', 'system', 'idle', 'iowait', 'irq', 'softirq', 'steal', 'guest', 'guestNice'] as const;
const PROCESSES = [
  ['contextSwitches', 'ctxt'],
  ['processCreated', 'processes'],
  ['processesRunning', 'procs_running'],
] as const;
const MEMORY = [
  ['total', 'MemTotal'],
  ['free', 'MemFree'],
  ['available', 'MemAvailable'],
  ['buffers', 'Buffers'],
  ['cached', 'Cached'],
  ['active', 'Active'],
  ['inactive', 'Inactive'],
  ['swap', 'SwapTotal'],
  ['dirty', 'Dirty'],
  ['writeback', 'Writeback'],
  ['slab', 'Slab'],
] as const;
const PRESSURE = [
  ['cpuPressure', 'cpu'],
  ['memoryPressure', 'memory'],
  ['ioPressure', 'io'],
] as const;

/** How busy the host is at a moment, by the names of BuildKit's provenance: seconds of processors, kibibytes of memory. */
export interface HostSample {
  readonly timestamp: string;
  readonly [part: string]: object | string;
}

/** Reads the host's figures; a part that this kernel does not tell (pressure, mostly) is left out. */
export function hostSample(proc = '/proc', now = new Date()): HostSample {
  const stat = tryRead(`${proc}/stat`);
  const memory = tryRead(`${proc}/meminfo`);
  const pressures = PRESSURE.flatMap(([name, file]) => {
    const text = tryRead(`${proc}/pressure/${file}`);
    return text === undefined ? [] : [[name, { some: pressureOf(text, 'some'), full: pressureOf(text, 'full') }] as const];
  });
  return {
    timestamp: now.toISOString(),
    ...(stat === undefined ? {} : { cpuStat: cpuOf(stat), procStat: numbersOf(stat, PROCESSES) }),
    ...(memory === undefined ? {} : { memoryStat: numbersOf(memory, MEMORY) }),
    ...Object.fromEntries(pressures),
  };
}

function tryRead(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}

function cpuOf(stat: string): object {
  const ticks = (/^cpu +(.*)$/m.exec(stat)?.[1] ?? '').split(' ').map(Number);
  return Object.fromEntries(CPU.map((name, index) => [name, (ticks[index] ?? 0) / TICKS]));
}

/** Lines that begin with a name and a number. */
function numbersOf(text: string, names: readonly (readonly [string, string])[]): object {
  const found = new Map(text.split('\n').map((line) => line.split(/:? +/, 2) as [string, string | undefined]));
  return Object.fromEntries(names.map(([name, word]) => [name, Number(found.get(word) ?? 0)]));
}

/** A line such as `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`; older kernels have none of `full` for processors. */
function pressureOf(text: string, kind: string): object | null {
  const line = text.split('\n').find((each) => each.startsWith(`${kind} `));
  if (line === undefined) return null;
  return Object.fromEntries(
    line
      .split(' ')
      .slice(1)
      .map((field) => field.split('='))
      .map(([name = '', value]) => [name, Number(value)]),
  );
}
