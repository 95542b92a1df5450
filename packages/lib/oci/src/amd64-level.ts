import { readFile } from 'node:fs/promises';

const LEVELS = [
  ['cx16', 'lahf_lm', 'popcnt', 'pni', 'sse4_1', 'sse4_2', 'ssse3'],
  ['abm', 'avx', 'avx2', 'bmi1', 'bmi2', 'f16c', 'fma', 'movbe', 'xsave'],
  ['avx512f', 'avx512bw', 'avx512cd', 'avx512dq', 'avx512vl'],
] as const;

/** The newest level of the amd64 architecture (1 to 4) that a processor with these flags has. */
export function amd64Level(cpuinfo: string): number {
  const flags = new Set((/^flags\s*:(.*)$/m.exec(cpuinfo)?.[1] ?? '').trim().split(/\s+/));
  const missing = LEVELS.findIndex((wanted) => !wanted.every((flag) => flags.has(flag)));
  return missing < 0 ? LEVELS.length + 1 : missing + 1;
}

let known: Promise<number> | undefined;

/** That of this machine. */
export const hostAmd64Level = (): Promise<number> => (known ??= readFile('/proc/cpuinfo', 'utf8').then(amd64Level));
