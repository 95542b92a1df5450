import { readFileSync } from 'node:fs';

/** One mounted cgroup hierarchy of the host. */
export interface Hierarchy {
  readonly version: 1 | 2;
  readonly mountpoint: string;
  /** v1: subsystems in the kernel's order, or name=…; v2: what cgroup.controllers says. */
  readonly controllers: readonly string[];
}

export interface Hierarchies {
  readonly mode: 'v1' | 'hybrid' | 'v2';
  readonly list: readonly Hierarchy[];
}

const subsystems = new Set([
  'cpuset',
  'cpu',
  'cpuacct',
  'blkio',
  'memory',
  'devices',
  'freezer',
  'net_cls',
  'perf_event',
  'net_prio',
  'hugetlb',
  'pids',
  'rdma',
  'misc',
  'debug',
]);

/** From the text of /proc/self/mountinfo (proc(5)). A hierarchy that is mounted twice counts once. */
export function parseHierarchies(mountinfo: string, controllersOf: (mountpoint: string) => readonly string[]): Hierarchies {
  const list: Hierarchy[] = [];
  const seen = new Set<string>();
  for (const line of mountinfo.split('\n')) {
    const [left, right] = line.split(' - ');
    const fields = left?.split(' ') ?? [];
    const [type, , options] = right?.split(' ') ?? [];
    const mountpoint = fields[4]?.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
    if (!mountpoint || (type !== 'cgroup' && type !== 'cgroup2')) continue;
    const controllers =
      type === 'cgroup2'
        ? [...controllersOf(mountpoint)]
        : (options ?? '').split(',').filter((o) => subsystems.has(o) || o.startsWith('name='));
    const key = type === 'cgroup2' ? type : controllers.join(',');
    if (seen.has(key) || key === '') continue;
    seen.add(key);
    list.push({ version: type === 'cgroup2' ? 2 : 1, mountpoint, controllers });
  }
  const first = list.some((h) => h.version === 1);
  const second = list.some((h) => h.version === 2);
  return { mode: first && second ? 'hybrid' : first ? 'v1' : 'v2', list };
}

export function readHierarchies(): Hierarchies {
  return parseHierarchies(readFileSync('/proc/self/mountinfo', 'utf8'), (mountpoint) => {
    try {
      return readFileSync(`${mountpoint}/cgroup.controllers`, 'utf8').trim().split(' ').filter(Boolean);
    } catch {
      return []; /* a hierarchy that cannot be read has nothing to offer */
    }
  });
}
