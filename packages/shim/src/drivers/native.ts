import type { CheckpointOptions } from '@gantry/api/containerd/runc/v1/runc';
import type { LinuxResources, Spec } from '@gantry/oci';
import type { GantryError, Logger } from '@gantry/rpc';
import { type CgroupManager, type CgroupPlan, compileCreate, compileExec, containerCgroupPath } from '@gantry/runtime';
import type { Fields } from '@gantry/native';
import type { Driver, DriverExec, DriverTask, FailedLaunch } from './driver';
import { checkpointNative } from './native-checkpoint';
import { keepControllers } from './kept-controllers';
import { ofRuntime } from './launch-failure';

export interface NativeDriverOptions {
  readonly cgroups: CgroupManager;
  readonly logger: Logger;
  /** Who speaks with criu. */
  readonly program: Pick<Driver, 'checkpoint'>;
}

/** Our own runtime as a library: config.json becomes a launch plan, which the monitor's C executes. */
export class NativeDriver implements Driver {
  readonly name = 'native';
  readonly mapsBinds = true;

  constructor(private readonly options: NativeDriverOptions) {}

  cgroup(task: Omit<DriverTask, 'cgroup'>): CgroupPlan {
    return this.options.cgroups.plan(containerCgroupPath(task.spec, task.id));
  }

  async prepare(task: DriverTask): Promise<{ fields: Fields; warnings: readonly string[] }> {
    const { plan, warnings } = compileCreate(task.spec, {
      id: task.id,
      bundle: task.bundle,
      ...(task.rootfs === undefined ? {} : { rootfs: task.rootfs }),
      ...(task.cgroup === undefined ? {} : { cgroup: task.cgroup }),
      noPivot: task.options.noPivot,
      noNewKeyring: task.options.noNewKeyring,
    });
    if (task.options.systemdCgroup && task.cgroup !== undefined) await keepControllers(task.cgroup);
    const more = task.cgroup === undefined ? [] : await this.options.cgroups.create(task.cgroup, task.spec.linux?.resources);
    return { fields: { driver: 'native', plan }, warnings: [...warnings, ...more] };
  }

  async prepareExec(task: DriverTask, exec: DriverExec): Promise<Fields> {
    const { plan } = compileExec(
      { ...exec.process, terminal: exec.terminal },
      { ...exec.init, spec: task.spec, ...(task.cgroup === undefined ? {} : { cgroup: task.cgroup }) },
      { id: task.id, noNewKeyring: task.options.noNewKeyring },
    );
    return { driver: 'native', plan };
  }

  async explain({ verb }: FailedLaunch, error: GantryError): Promise<GantryError> {
    const command = verb === 'exec' ? verb : `runc ${verb}`; // as runc tells it: clients read these words
    return ofRuntime(error, verb, `${command} failed: unable to start container process: ${error.message}`);
  }

  async kill(task: DriverTask, signal: number, all: boolean, deliver: (signal: number) => Promise<void>): Promise<void> {
    if (!all || task.cgroup === undefined) return deliver(signal);
    await this.options.cgroups.killAll(task.cgroup, signal);
  }

  async pause(task: DriverTask): Promise<void> {
    await this.options.cgroups.freeze(cgroupOf(task));
  }

  async resume(task: DriverTask): Promise<void> {
    await this.options.cgroups.thaw(cgroupOf(task));
  }

  async update(task: DriverTask, resources: LinuxResources): Promise<void> {
    const warnings = await this.options.cgroups.apply(cgroupOf(task), resources);
    for (const warning of warnings) this.options.logger.warn({ task: task.id }, warning);
  }

  async checkpoint(
    task: DriverTask,
    path: string,
    options: CheckpointOptions,
    init: DriverExec['init'],
    signal: AbortSignal,
  ): Promise<void> {
    await checkpointNative(this.options.program, { ...task, cgroup: cgroupOf(task) }, { path, options, init, signal });
  }

  async sweep(task: DriverTask): Promise<void> {
    if (task.cgroup !== undefined && sharesPids(task.spec)) await this.options.cgroups.killAll(task.cgroup);
  }

  async remove(task: DriverTask): Promise<void> {
    if (task.cgroup === undefined) return;
    await this.options.cgroups.remove(task.cgroup, { timeoutMs: 50 }).catch(async () => {
      await this.options.cgroups.killAll(cgroupOf(task));
      await this.options.cgroups.remove(cgroupOf(task));
    });
  }
}

/** A native task always has a cgroup; only a foreign record could lack it. */
function cgroupOf(task: DriverTask): CgroupPlan {
  if (task.cgroup === undefined) throw new TypeError(`task ${task.id} has no cgroup`);
  return task.cgroup;
}

/** Without a new pid namespace, the kernel does not end the others with init. */
function sharesPids(spec: Spec): boolean {
  const pid = spec.linux?.namespaces?.find((namespace) => namespace.type === 'pid');
  return pid === undefined || pid.path !== undefined;
}
