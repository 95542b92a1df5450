import type { Process, Spec } from '@gantry/oci';
import type { CgroupPlan } from '../cgroup/contract';
import type { LabelSupport } from './labels';
import type { Mapper } from './namespaces';

/** What config.json does not say and a create plan needs. */
export interface CreateOptions {
  /** The container's id: names the session keyring and appears in errors. */
  readonly id: string;
  /** Absolute path of the bundle; relative root.path and mount sources resolve against it. */
  readonly bundle: string;
  /** Absolute path of the mounted rootfs when it is not `spec.root.path`. */
  readonly rootfs?: string;
  /** From CgroupManager.plan(); without it the process stays in its parent's cgroups. */
  readonly cgroup?: CgroupPlan;
  /** MS_MOVE and chroot instead of pivot_root (a rootfs on a ramdisk). */
  readonly noPivot?: boolean;
  /** Do not make a new session keyring. */
  readonly noNewKeyring?: boolean;
  /** Descriptors 3 .. 3+n-1 of the caller stay open in the process. */
  readonly preserveFds?: number;
  /** Set when the caller is not root: how its id maps are written. */
  readonly mapper?: Mapper;
  /** What labels processes on this host; read from the kernel when absent. */
  readonly labels?: LabelSupport;
}

export interface CreatePlan {
  /** Bytes for launch_create. */
  readonly plan: Uint8Array;
  /** Where the process goes; present when options.cgroup was given. */
  readonly cgroup?: CgroupPlan;
  /** Whether spec.process.terminal is set: the caller must give a terminal launch_io. */
  readonly terminal: boolean;
  /** Things the host cannot do and the container can live without. */
  readonly warnings: readonly string[];
}

/** The running container that an exec process joins. */
export interface ExecTarget {
  /** Process id of init, in the caller's pid namespace. */
  readonly pid: number;
  /** Field 22 of /proc/<pid>/stat: a reused pid is refused. */
  readonly startTime: bigint;
  /** The container's config.json: namespaces, seccomp, default capabilities. */
  readonly spec: Spec;
  readonly cgroup?: CgroupPlan;
}

export interface ExecOptions {
  readonly id: string;
  /** Absolute path of the bundle, for a seccomp agent's message. */
  readonly bundle?: string;
  readonly labels?: LabelSupport;
  readonly preserveFds?: number;
  readonly noNewKeyring?: boolean;
}

export interface ExecPlan {
  readonly plan: Uint8Array;
  readonly terminal: boolean;
  readonly warnings: readonly string[];
}

/**
 * config.json → launch plan. Throws GantryError `invalid` that names the field
 * for every value which would not be honoured.
 */
export type CompileCreate = (spec: Spec, options: CreateOptions) => CreatePlan;
export type CompileExec = (process: Process, target: ExecTarget, options: ExecOptions) => ExecPlan;
