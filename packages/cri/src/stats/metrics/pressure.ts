import { readFile } from 'node:fs/promises';

const RESOURCES = ['cpu', 'memory', 'io'] as const;

export type Resource = (typeof RESOURCES)[number];

/** Microseconds in which some of a cgroup's tasks waited, or none went on. */
export interface Pressure {
  readonly waiting: bigint;
  readonly stalled: bigint;
}

/** Of the cgroup that a process is in; only version 2 counts it, and only where the kernel does at all. */
export async function pressureOf(pid: number, root = '/sys/fs/cgroup'): Promise<Partial<Record<Resource, Pressure>>> {
  const told = await readFile(`/proc/${pid}/cgroup`, 'utf8').catch(() => '');
  const [, path = ''] = /^0::(.*)$/m.exec(told) ?? [];
  const found = await Promise.all(
    RESOURCES.map(async (resource) => [
      resource,
      parsePressure(await readFile(`${root}${path}/${resource}.pressure`, 'utf8').catch(() => '')),
    ]),
  );
  return Object.fromEntries(found.filter(([, pressure]) => pressure !== undefined)) as Partial<Record<Resource, Pressure>>;
}

export function parsePressure(text: string): Pressure | undefined {
  const some = /^some .*total=(\d+)/m.exec(text)?.[1];
  const full = /^full .*total=(\d+)/m.exec(text)?.[1];
  return some === undefined ? undefined : { waiting: BigInt(some), stalled: BigInt(full ?? 0) };
}
