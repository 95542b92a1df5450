import { readFileSync } from 'node:fs';
import { invalidArgument } from '@gantry/rpc';

/** Reads `0-2,4`. Throws invalidArgument for a malformed text, or for one that names what the machine lacks. */
export function parseCpuSet(text: string, what: 'cpuset cpus' | 'cpuset mems'): number[] {
  if (text === '') return [];
  const wanted = members(text);
  if (wanted === undefined) throw invalidArgument(`Invalid value ${text} for ${what}: invalid format: ${text}`);
  const present = onlineOf(what);
  const available = present === undefined ? undefined : members(present);
  if (available !== undefined && wanted.some((index) => !available.includes(index))) {
    const kind = what === 'cpuset cpus' ? 'CPUs' : 'memory nodes';
    throw invalidArgument(`Requested ${kind} are not available - requested ${text}, available: ${present}`);
  }
  return wanted;
}

function onlineOf(what: 'cpuset cpus' | 'cpuset mems'): string | undefined {
  const file = what === 'cpuset cpus' ? '/sys/devices/system/cpu/online' : '/sys/devices/system/node/online';
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return undefined; // a machine without NUMA has no nodes to compare with
  }
}

function members(text: string): number[] | undefined {
  const result: number[] = [];
  for (const part of text.split(',')) {
    const match = /^([0-9]{1,5})(?:-([0-9]{1,5}))?$/.exec(part.trim());
    if (match === null) return undefined;
    const first = Number(match[1]);
    const last = Number(match[2] ?? match[1]);
    if (last < first || last > 8192) return undefined;
    for (let index = first; index <= last; index++) result.push(index);
  }
  return result;
}
