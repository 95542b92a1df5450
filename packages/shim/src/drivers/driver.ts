import type { CheckpointOptions } from '@gantry/api/containerd/runc/v1/runc';
import type { Any } from '@gantry/api/google/protobuf/any';
import type { LinuxResources, Process, Spec } from '@gantry/oci';
import type { GantryError } from '@gantry/rpc';
import type { CgroupPlan } from '@gantry/runtime';
import type { Fields } from '@gantry/native';
import type { RemoteProcess } from '../monitor/remote-process';

export type DriverName = 'native' | 'oci' | 'containerd-shim' | 'task-service';

/** What Create's options say to a driver; plain data, kept in the task's record. */
export interface RuntimeOptions {
  /** Absolute path of the runtime binary (oci) or of the shim (containerd-shim); empty for others. */
  readonly binary: string;
  /** Arguments before the verb. */
  readonly binaryArgs: readonly string[];
  /** Directory of the runtime binary's own state. */
  readonly root: string;
  readonly noPivot: boolean;
  readonly noNewKeyring: boolean;
  readonly systemdCgroup: boolean;
  /** Where checkpoints are written that name no directory, and where criu works; empty: none, and the task's own directory. */
  readonly criuImagePath: string;
  readonly criuWorkPath: string;
  /** Unix socket of the Task v3 server (task-service); empty for others. */
  readonly service: string;
  /** What serves there when nobody answers; empty: nothing is started. */
  readonly serviceCommand: readonly string[];
  /** Options for the other program's Create, their bytes in base64; undefined: none. */
  readonly passed: { readonly typeUrl: string; readonly value: string } | undefined;
}

/** A task as a driver sees it. */
export interface DriverTask {
  readonly namespace: string;
  readonly id: string;
  /** Directory of config.json. */
  readonly bundle: string;
  /** The shim's own directory of this task, 0700. */
  readonly dir: string;
  /** Where Create's mounts were mounted; undefined when the bundle brings its rootfs. */
  readonly rootfs: string | undefined;
  readonly spec: Spec;
  readonly terminal: boolean;
  readonly options: RuntimeOptions;
  /** Directory of the images that the task is restored from at its start; undefined: it is made anew. */
  readonly checkpoint: string | undefined;
  /** What `cgroup` answered for it. */
  readonly cgroup: CgroupPlan | undefined;
}

/** A step of a process's life that a runtime is asked for; names it in the words of a failure. */
export type RuntimeVerb = 'create' | 'start' | 'exec' | 'restore';

/** A launch that failed. */
export interface FailedLaunch {
  /** The shim's own directory of the process. */
  readonly dir: string;
  readonly verb: RuntimeVerb;
  /** What was to be executed; undefined when it is not known any more. */
  readonly program: string | undefined;
}

export interface DriverExec {
  readonly execId: string;
  /** The shim's own directory of this exec process, 0700. */
  readonly dir: string;
  readonly process: Process;
  readonly terminal: boolean;
  /** Process id of the task's init and its start time (field 22 of /proc/<pid>/stat). */
  readonly init: { readonly pid: number; readonly startTime: bigint };
}

/**
 * A way to make and steer containers. The monitor makes the processes; a driver says what the monitor does (monitor fields, see
 * native/monitor.h) and does itself what is not a process: cgroups, pause, limits, the runtime's own state.
 *
 * Order of calls: `cgroup` (pure) → the shim records the task → `prepare` → the monitor runs → `pause`/`resume`/`update`/`kill`/`prepareExec`
 * while the task lives → `remove`. `remove` undoes everything that `prepare` and the monitor made, may come at any time after the
 * record (also in a later shim, for a task whose creation was cut short), and may be repeated.
 *
 * Errors are GantryErrors; a task that the driver does not find is `notFound`.
 */
export interface Driver {
  readonly name: DriverName;
  /** Maps the ids of a bind itself where config.json says so; for others the shim lays such binds out below the bundle. */
  readonly mapsBinds: boolean;
  /** The cgroups that the task will have; undefined when the driver cannot know. Refuses bad cgroup paths. */
  cgroup(task: Omit<DriverTask, 'cgroup'>): CgroupPlan | undefined;
  /** Makes what must exist before the process, and answers the monitor's fields and warnings for the log. */
  prepare(task: DriverTask): Promise<{ readonly fields: Fields; readonly warnings: readonly string[] }>;
  /** The monitor's fields for one more process in a running task. */
  prepareExec(task: DriverTask, exec: DriverExec): Promise<Fields>;
  /** A failure of the monitor in a runtime's words (`OCI runtime create failed: …`), with the runtime's own reason where it left one. */
  explain(launch: FailedLaunch, error: GantryError): Promise<GantryError>;
  /** A signal to the task's init, or to all its processes. `deliver` is the monitor's way to init. */
  kill(task: DriverTask, signal: number, all: boolean, deliver: (signal: number) => Promise<void>): Promise<void>;
  pause(task: DriverTask): Promise<void>;
  resume(task: DriverTask): Promise<void>;
  update(task: DriverTask, resources: LinuxResources): Promise<void>;
  /**
   * Writes the task's processes to `path`; they end unless told otherwise. Refuses by name where the driver cannot. Aborted, nothing of it is left when it rejects: who writes
   * has ended, what it wrote is gone, and the task goes on.
   */
  checkpoint(task: DriverTask, path: string, options: CheckpointOptions, init: DriverExec['init'], signal: AbortSignal): Promise<void>;
  /** Init has ended: ends what outlived it (a task without a pid namespace of its own). Never rejects for what is gone. */
  sweep(task: DriverTask): Promise<void>;
  remove(task: DriverTask): Promise<void>;
  /**
   * Only of drivers whose processes another program makes and watches: the steps of init, or of the exec process whose directory is given.
   * `prepare` and `prepareExec` then answer the fields of a monitor that carries stdio alone (native/monitor/remote.h). `task` is asked when a step is taken.
   */
  remote?(task: () => DriverTask, exec: { readonly execId: string; readonly dir: string } | undefined): RemoteProcess;
  /** Process ids and metrics of a task whose cgroup only the other program knows surely. Without these the shim reads the cgroup itself. */
  pids?(task: DriverTask): Promise<readonly number[]>;
  stats?(task: DriverTask): Promise<Any>;
  /** Lets go of what belongs to this shim's life, not to the tasks'. */
  close?(): Promise<void>;
}
