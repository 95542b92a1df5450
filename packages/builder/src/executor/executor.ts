import type { Readable } from 'node:stream';
import type { Mount } from '@gantry/api/containerd/types/types';
import type { LinuxResources } from '@gantry/oci';
import type { CallContext } from '@gantry/rpc';
import type { AskedDevice } from '@gantry/spec';

/** A file system in a container's tree. */
export interface StepMount {
  /** Absolute path in the container. */
  readonly destination: string;
  /** containerd's form; several are laid one on the other. */
  readonly source: readonly Mount[];
  /** The part of the source that is shown; found without leaving the source. */
  readonly selector: string;
  readonly readonly: boolean;
}

export interface HostAddress {
  readonly host: string;
  readonly ip: string;
}

export interface Limit {
  /** As ulimit(1) and docker name them: nofile, nproc … */
  readonly name: string;
  readonly soft: bigint;
  readonly hard: bigint;
}

/** The default network, the host's, none, a network of the engine by name or id, or that of a container of the engine, by its id. */
export type StepNetwork = 'default' | 'host' | 'none' | { readonly name: string } | { readonly of: string };

/** What a container of steps is. */
export interface ContainerWish {
  /** Names the container for `exec`; made when left out. */
  readonly id?: string;
  /** The writable tree: how it is mounted. */
  readonly root: readonly Mount[];
  readonly readonlyRoot: boolean;
  readonly mounts: readonly StepMount[];
  readonly network: StepNetwork;
  /** All capabilities, no seccomp, no masks, all devices. */
  readonly insecure: boolean;
  readonly hostname: string;
  readonly extraHosts: readonly HostAddress[];
  readonly limits: readonly Limit[];
  /** Limits of its cgroup beside the rules of devices; default: none. */
  readonly resources?: LinuxResources;
  /** Empty: the configured one. */
  readonly cgroupParent: string;
  readonly devices: readonly AskedDevice[];
  /** Take away also the parents that were made for a mount. */
  readonly removeStubsRecursive: boolean;
}

/** What runs in it. */
export interface ProcessWish {
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  /** `user[:group]`, names by the tree's own files. */
  readonly user: string;
  readonly tty: boolean;
  readonly stdin?: Readable;
  /** Output as it comes; the next chunk follows when this one is taken. */
  readonly output: (stream: 1 | 2, data: Buffer) => void | Promise<void>;
}

/** A process that runs. */
export interface LiveProcess {
  resize(width: number, height: number): Promise<void>;
  signal(signal: number): Promise<void>;
}

export interface Exit {
  readonly code: number;
}

/**
 * Runs processes as containerd's containers and tasks. A cancelled context kills what runs; whatever the end, no process is left and the tree is free when the promise
 * settles. Records and the network endpoint of one that ended by itself go behind it: `settled` waits for them.
 */
export interface Executor {
  /** Makes the container with its first process and waits for its end, which is the container's. `started` is told once the process runs. */
  run(ctx: CallContext, container: ContainerWish, process: ProcessWish, started?: (live: LiveProcess) => void): Promise<Exit>;
  /** A further process in a container whose first one runs, or is about to. */
  exec(ctx: CallContext, id: string, process: ProcessWish, started?: (live: LiveProcess) => void): Promise<Exit>;
}
