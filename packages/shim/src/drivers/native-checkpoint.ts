import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { CheckpointOptions } from '@gantry/api/containerd/runc/v1/runc';
import type { Spec } from '@gantry/oci';
import { type CgroupPlan, reserve, saveState } from '@gantry/runtime';
import type { Driver, DriverExec, DriverTask } from './driver';
import { ownRuntime } from './options';

/** What of a task's own namespaces is another's when it goes on: its network, which is there before it. */
const withNetworkOf = (spec: Spec, pid: number): Spec => ({
  ...spec,
  linux: {
    ...spec.linux,
    namespaces: (spec.linux?.namespaces ?? []).map((one) =>
      one.type === 'network' && one.path === undefined ? { ...one, path: `/proc/${pid}/ns/net` } : one,
    ),
  },
});

/**
 * Writes a task of the native driver as our runtime's program does, which speaks with criu. The program is told of the task as of one of its own that goes
 * on whatever happens; one that is to end is ended by criu, and its end is the monitor's to tell.
 */
export async function checkpointNative(
  program: Pick<Driver, 'checkpoint'>,
  task: DriverTask & { readonly cgroup: CgroupPlan },
  asked: { readonly path: string; readonly options: CheckpointOptions; readonly init: DriverExec['init']; readonly signal: AbortSignal },
): Promise<void> {
  const { path, options, init, signal } = asked;
  const { binary, binaryArgs } = ownRuntime();
  const root = mkdtempSync(join(task.dir, 'checkpoint-'));
  try {
    reserve(root, task.id);
    saveState(root, {
      version: 1,
      id: task.id,
      bundle: task.bundle,
      rootfs: task.rootfs ?? join(task.bundle, task.spec.root?.path ?? 'rootfs'),
      created: new Date().toISOString(),
      cgroup: task.cgroup,
      spec: withNetworkOf(task.spec, init.pid),
      pid: init.pid,
      startTime: String(init.startTime),
      noNewKeyring: task.options.noNewKeyring,
    });
    await program.checkpoint({ ...task, options: { ...task.options, binary, binaryArgs, root } }, path, options, init, signal);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}
