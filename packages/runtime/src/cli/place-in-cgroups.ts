import { failedPrecondition, invalidArgument } from '@gantry/rpc/errors';
import type { LinuxResources, Spec } from '@gantry/oci';
import type { CgroupPlan } from '../cgroup/contract';
import { containerCgroupPath } from '../cgroup/paths';
import type { Context } from './context';

export interface Place {
  readonly cgroup: CgroupPlan;
  /** The limits that will be set. */
  readonly resources: LinuxResources | undefined;
}

/**
 * Where the container's cgroup is. One that holds processes already, or is frozen, is refused: the container would share its limits, or
 * never start. Without root's rights a container may do without a cgroup, when it asked neither for a place nor for limits.
 */
export async function placeInCgroups(context: Context, spec: Spec, id: string): Promise<Place> {
  const cgroup = context.cgroups.plan(containerCgroupPath(spec, id));
  const resources = spec.linux?.resources;
  if (context.rootless && !(await mayCreate(context, cgroup))) {
    const { devices: _, ...limits } = resources ?? {};
    if (spec.linux?.cgroupsPath) throw failedPrecondition(`cgroup ${cgroup.path}: permission denied`);
    const asked = Object.entries(limits).find(([, value]) => typeof value === 'object' && Object.keys(value as object).length > 0)?.[0];
    if (asked !== undefined)
      throw invalidArgument(`config.json: linux.resources.${asked}: cannot set the limit: container could not join or create cgroup`);
    return { cgroup: { ...cgroup, directories: [] }, resources: undefined };
  }
  const pids = await context.cgroups.pids(cgroup);
  if (pids.length > 0) throw failedPrecondition(`container's cgroup is not empty: ${pids.length} process(es) found`);
  if (await context.cgroups.frozen(cgroup).catch(() => false)) throw failedPrecondition("container's cgroup unexpectedly frozen");
  return { cgroup, resources };
}

/** Tried, because who may write where is the administrator's business (delegation). */
async function mayCreate(context: Context, cgroup: CgroupPlan): Promise<boolean> {
  try {
    await context.cgroups.create(cgroup);
    return true;
  } catch (error) {
    context.log.debug(`no cgroup: ${String((error as Error).message)}`);
    return false;
  }
}
