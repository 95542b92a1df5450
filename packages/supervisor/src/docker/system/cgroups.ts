import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What the host's cgroups can limit, as `docker info` tells it. */
export interface CgroupFacts {
  readonly version: '1' | '2';
  readonly memory: boolean;
  readonly swap: boolean;
  readonly oomKillDisable: boolean;
  readonly cpuPeriod: boolean;
  readonly cpuQuota: boolean;
  readonly cpuShares: boolean;
  readonly cpuset: boolean;
  readonly pids: boolean;
}

const ROOT = '/sys/fs/cgroup';

/** Looks at the mounted hierarchies; hybrid counts as 1, since the controllers are there. */
export function cgroupFacts(root: string = ROOT): CgroupFacts {
  const unified = join(root, 'cgroup.controllers');
  if (!existsSync(unified)) return legacyFacts(root);
  const controllers = new Set(readFileSync(unified, 'utf8').trim().split(/\s+/));
  const has = (name: string): boolean => controllers.has(name);
  return {
    version: '2',
    memory: has('memory'),
    swap: has('memory') && existsSync('/proc/swaps'),
    oomKillDisable: false,
    cpuPeriod: has('cpu'),
    cpuQuota: has('cpu'),
    cpuShares: has('cpu'),
    cpuset: has('cpuset'),
    pids: has('pids'),
  };
}

function legacyFacts(root: string): CgroupFacts {
  const file = (path: string): boolean => existsSync(join(root, path));
  return {
    version: '1',
    memory: file('memory/memory.limit_in_bytes'),
    swap: file('memory/memory.memsw.limit_in_bytes'),
    oomKillDisable: file('memory/memory.oom_control'),
    cpuPeriod: file('cpu/cpu.cfs_period_us'),
    cpuQuota: file('cpu/cpu.cfs_quota_us'),
    cpuShares: file('cpu/cpu.shares'),
    cpuset: file('cpuset/cpuset.cpus'),
    pids: file('pids'),
  };
}

/** Whether block devices can be weighed: by this file of cgroup v1, or wherever the io controller of v2 is. */
export function hasBlockWeight(file: 'blkio.weight' | 'blkio.weight_device', root: string = ROOT): boolean {
  const unified = join(root, 'cgroup.controllers');
  return existsSync(unified) ? /\bio\b/.test(readFileSync(unified, 'utf8')) : existsSync(join(root, 'blkio', file));
}

/** dockerd's warnings about limits that the host cannot set. */
export function cgroupWarnings(facts: CgroupFacts): string[] {
  const checks: readonly [boolean, string][] = [
    [facts.memory, 'WARNING: No memory limit support'],
    [facts.swap || !facts.memory, 'WARNING: No swap limit support'],
    [facts.cpuPeriod, 'WARNING: No cpu cfs period support'],
    [facts.cpuQuota, 'WARNING: No cpu cfs quota support'],
    [facts.cpuShares, 'WARNING: No cpu shares support'],
    [facts.cpuset, 'WARNING: No cpuset support'],
    [facts.pids, 'WARNING: No pids limit support'],
  ];
  return checks.filter(([supported]) => !supported).map(([, warning]) => warning);
}
