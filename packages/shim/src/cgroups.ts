import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type CgroupManager, containerCgroupPath, createCgroupManager, monitorCgroupPath } from '@gantry/runtime';
import type { Spec } from '@gantry/oci';

/** Parents that engines share: each takes them away when it was the last to need them. Containerd's clients name a parent after their namespace, the builder one in ours. */
function sharedPaths(run: string): string[] {
  const tasks = join(run, 'tasks');
  const namespaces = existsSync(tasks)
    ? readdirSync(tasks, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map((entry) => entry.name)
    : [];
  return ['/gantry-monitors', ...namespaces.map((name) => `/gantry/${name}`), '/gantry', ...namespaces.map((name) => `/${name}`)];
}

/** The helper and all monitors of an engine share one cgroup, a sibling of the containers'. An engine is its run root. */
export function monitorsPath(run: string): string {
  return monitorCgroupPath(createHash('sha256').update(run).digest('hex').slice(0, 16));
}

/** Takes away what nobody needs any more; a cgroup with a process or a child in it stays, so that monitors and neighbours keep theirs. */
export async function tidyGroups(cgroups: CgroupManager, run: string): Promise<void> {
  for (const path of [monitorsPath(run), ...sharedPaths(run)]) await cgroups.tidy(path);
}

/** For an engine that was killed: removes the cgroups of the tasks at these bundles and of their monitors, all of whose processes were ended. */
export async function purgeGroups(run: string, bundles: readonly string[]): Promise<void> {
  const cgroups = createCgroupManager();
  for (const bundle of bundles) await cgroups.remove(cgroups.plan(pathOf(bundle)));
  await cgroups.remove(cgroups.plan(monitorsPath(run)));
  await tidyGroups(cgroups, run);
}

function pathOf(bundle: string): string {
  const id = basename(bundle);
  try {
    return containerCgroupPath(JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8')) as Spec, id);
  } catch {
    return containerCgroupPath({ ociVersion: '' }, id); // it was killed before its bundle was whole
  }
}
