import type { LinuxDeviceCgroup } from '@gantry/oci';
import type { Operation } from '../plan/operations';
import type { CgroupPlan } from './contract';
import { deviceProgram } from './device-program';

/**
 * How a launched process gets into its cgroups: v1 by writing 0 to `tasks` in the single-threaded child (cgroup.procs would wait for
 * an RCU grace period, 9 to 12 ms), v2 by CLONE_INTO_CGROUP. `devices`: the container's rules, for its first process on pure v2.
 */
export function cgroupOperations(plan: CgroupPlan, devices: readonly LinuxDeviceCgroup[] | undefined): Operation[] {
  const list: Operation[] = plan.directories.map((directory) =>
    directory.version === 1 ? ['CGROUP_V1', `${directory.directory}/tasks`] : ['CGROUP_V2', directory.directory, directory.mountpoint],
  );
  const unified = plan.directories.find((directory) => directory.version === 2);
  if (plan.mode === 'v2' && unified && devices !== undefined) list.push(['CGROUP_DEVICES', unified.directory, deviceProgram(devices)]);
  return list;
}
