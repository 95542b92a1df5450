import { rmdirSync, writeFileSync } from 'node:fs';
import { createCgroupManager } from '../../cgroup/manager';

const PATH = '/gantry-runc-planner';

/**
 * Out of the cgroup of whoever called first: its limits are not the next caller's, and it may be removed. Where that may not be done the planner
 * stays where it is.
 */
export async function enterOwnCgroup(): Promise<void> {
  const cgroups = createCgroupManager();
  const plan = cgroups.plan(PATH);
  try {
    await cgroups.create(plan);
    await cgroups.move(plan, process.pid);
  } catch {
    // no right to, or no hierarchy
  }
}

/** A cgroup is removed when it is empty: the planner ends in the root's, unless another one is in it still. */
export function leaveOwnCgroup(): void {
  for (const { directory, mountpoint } of createCgroupManager().plan(PATH).directories) {
    try {
      writeFileSync(`${mountpoint}/cgroup.procs`, String(process.pid));
      rmdirSync(directory);
    } catch {
      // never entered, or of another planner, too
    }
  }
}
