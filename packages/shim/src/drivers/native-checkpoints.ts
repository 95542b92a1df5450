import { mkdtempSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { CheckpointOptions } from '@gantry/api/containerd/runc/v1/runc';
import type { Fields } from '@gantry/native';
import type { GantryError } from '@gantry/rpc';
import { type CgroupPlan, processStat, reserve, saveState } from '@gantry/runtime';
import type { DriverTask, FailedLaunch } from './driver';
import type { OciDriver } from './oci';

/**
 * Checkpoints of tasks that no runtime binary made: ours as a program, gantry-runc, speaks with criu, and is told of the task by a state file like
 * its own. So criu's messages are no part of the shim, and a task that is restored by it is a native one like any other afterwards.
 */
export class NativeCheckpoints {
  /** @param binary gantry-native, which is gantry-runc as well */
  constructor(
    private readonly oci: Pick<OciDriver, 'checkpoint' | 'prepare' | 'explain'>,
    private readonly binary: string,
  ) {}

  async write(task: DriverTask & { readonly cgroup: CgroupPlan }, path: string, options: CheckpointOptions, pid: number): Promise<void> {
    const root = mkdtempSync(join(task.dir, 'runc-'));
    try {
      reserve(root, task.id);
      saveState(root, {
        version: 1,
        id: task.id,
        bundle: task.bundle,
        rootfs: task.rootfs ?? resolve(task.bundle, task.spec.root?.path ?? ''),
        created: new Date().toISOString(),
        cgroup: task.cgroup,
        spec: task.spec,
        pid,
        startTime: processStat(pid)?.startTime ?? '',
        noNewKeyring: task.options.noNewKeyring,
      });
      await this.oci.checkpoint(this.asRunc(task, root), path, options);
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  }

  /** The state file of what is restored goes with the task's directory. */
  restored(task: DriverTask): Promise<{ fields: Fields; warnings: readonly string[] }> {
    return this.oci.prepare(this.asRunc(task, mkdtempSync(join(task.dir, 'runc-'))));
  }

  explain(launch: FailedLaunch, error: GantryError): Promise<GantryError> {
    return this.oci.explain(launch, error);
  }

  private asRunc(task: DriverTask, root: string): DriverTask {
    return { ...task, options: { ...task.options, binary: this.binary, binaryArgs: ['runc'], root } };
  }
}
