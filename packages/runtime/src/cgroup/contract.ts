import type { LinuxResources } from '@gantry/oci';

/** One cgroup directory of a container. `controllers` is empty for name=systemd; v2 is the unified hierarchy. */
export interface CgroupDirectory {
  readonly version: 1 | 2;
  /** v1: subsystem names as mounted, e.g. ['cpu','cpuacct'], or ['name=systemd']. v2: the controllers enabled. */
  readonly controllers: readonly string[];
  /** Where the hierarchy is mounted on the host. */
  readonly mountpoint: string;
  /** Absolute directory below the mountpoint. */
  readonly directory: string;
}

/** All directories of one container; plain data, may be written to a state file. */
export interface CgroupPlan {
  /** Path inside every hierarchy, e.g. /gantry/<id>. */
  readonly path: string;
  readonly mode: 'v1' | 'hybrid' | 'v2';
  readonly directories: readonly CgroupDirectory[];
}

export interface CgroupStats {
  /** CPU time, nanoseconds. */
  readonly cpu: {
    readonly usage: bigint;
    readonly user: bigint;
    readonly system: bigint;
    readonly perCpu: readonly bigint[];
    readonly periods: bigint;
    readonly throttledPeriods: bigint;
    readonly throttledTime: bigint;
  };
  /** Bytes; limit is 2^64-1 when unlimited. `stat` are the kernel's own keys. */
  readonly memory: {
    readonly usage: bigint;
    readonly max: bigint;
    readonly limit: bigint;
    readonly failcnt: bigint;
    readonly swapUsage: bigint;
    readonly swapLimit: bigint;
    readonly kernelUsage: bigint;
    readonly stat: Readonly<Record<string, bigint>>;
    readonly oomKills: bigint;
  };
  readonly pids: { readonly current: bigint; readonly limit: bigint };
  readonly blkio: {
    readonly serviceBytes: readonly BlkioEntry[];
    readonly serviced: readonly BlkioEntry[];
  };
}

/** Reads one cgroup's stats; of a cgroup that is gone, nothings. */
export interface CgroupMeter {
  stats(): CgroupStats;
  /** Lets go of the files; `stats` opens them again. */
  close(): void;
}

export interface BlkioEntry {
  readonly major: number;
  readonly minor: number;
  readonly op: string;
  readonly value: bigint;
}

/**
 * Cgroups of containers on v1, hybrid and v2 hosts. One instance per service; safe for
 * concurrent use with different paths. All paths lie outside systemd units.
 */
export interface CgroupManager {
  readonly mode: 'v1' | 'hybrid' | 'v2';
  /** Pure: the directories that `path` has. `..`, empty and relative parts are refused. */
  plan(path: string): CgroupPlan;
  /** mkdir in every hierarchy (cpuset filled), then the limits that are set. Undoes itself on failure. */
  create(plan: CgroupPlan, resources?: LinuxResources): Promise<readonly string[]>;
  /** Writes the limits that are set; answers warnings for controllers that the host lacks. */
  apply(plan: CgroupPlan, resources: LinuxResources): Promise<readonly string[]>;
  freeze(plan: CgroupPlan): Promise<void>;
  thaw(plan: CgroupPlan): Promise<void>;
  frozen(plan: CgroupPlan): Promise<boolean>;
  /** Moves a process into a cgroup that exists, in each hierarchy where it does. Throws failedPrecondition where it exists nowhere. */
  move(plan: CgroupPlan, pid: number): Promise<void>;
  /** Process ids in the cgroup and below it, sorted. */
  pids(plan: CgroupPlan): Promise<number[]>;
  stats(plan: CgroupPlan): Promise<CgroupStats>;
  /** For who asks for the stats of a cgroup again and again: keeps its files open until `close`. */
  meter(plan: CgroupPlan): CgroupMeter;
  /** SIGKILL (or `signal`) to every process; thaws on v1. Answers how many were signalled. */
  killAll(plan: CgroupPlan, signal?: number): Promise<number>;
  /** rmdir, children first; waits up to `timeoutMs` (default 2000) for the last process to go. Missing is fine. */
  remove(plan: CgroupPlan, options?: { timeoutMs?: number }): Promise<void>;
  /** Removes `path` in every hierarchy where nothing is below it: for the common parents (/gantry) when an engine stops. */
  tidy(path: string): Promise<void>;
  /** Number of processes that the kernel's OOM killer took in this cgroup. */
  oomKills(plan: CgroupPlan): Promise<bigint>;
}
