import { basename } from 'node:path';
import type { CgroupPlan } from '../cgroup/contract';
import { ATTR, BIND_FLAG, LINK_FLAG } from '../plan/kernel';
import type { Operation } from '../plan/operations';
import type { MountOptions } from './mount-options';

export interface CgroupView {
  readonly plan: CgroupPlan | undefined;
  /** The container has a cgroup namespace of its own: the kernel shows its cgroup as the root. */
  readonly own: boolean;
  readonly userNamespace: boolean;
  /** Where the unified hierarchy is mounted on the host. */
  readonly unified: string;
}

/**
 * A mount of type cgroup. v2: the hierarchy itself. v1 and hybrid: a tmpfs that holds one directory a hierarchy, mounted anew when the
 * container has its own cgroup namespace, else bound from the container's cgroup on the host.
 */
export function compileCgroupMount(destination: string, options: MountOptions, view: CgroupView): Operation[] {
  const attributes = options.set | ATTR.nosuid | ATTR.nodev | ATTR.noexec;
  if (view.plan === undefined || view.plan.mode === 'v2') {
    if (view.userNamespace && !view.own)
      return [['BIND', view.unified, destination, BIND_FLAG.recursive, 0, 0, attributes, 0, 0, 0, '', '', '']];
    return [['MOUNT', 'cgroup2', 'cgroup', destination, [], attributes, 0, 0]];
  }
  const list: Operation[] = [['MOUNT', 'tmpfs', 'tmpfs', destination, ['mode=755'], attributes & ~ATTR.rdonly, 0, 0]];
  for (const directory of view.plan.directories) {
    if (directory.version === 2) continue;
    const name = basename(directory.mountpoint);
    const target = `${destination}/${name}`;
    const data = directory.controllers.some((c) => c.startsWith('name=')) ? ['none', ...directory.controllers] : [...directory.controllers];
    list.push(
      view.own
        ? ['MOUNT', 'cgroup', 'cgroup', target, data, attributes, 0, 0]
        : ['BIND', directory.directory, target, 0, attributes, 0, 0, 0, 0, 0, '', '', ''],
    );
    for (const controller of directory.controllers.length > 1 ? directory.controllers : []) {
      if (controller !== name) list.push(['SYMLINK', name, `${destination}/${controller}`, LINK_FLAG.optional]);
    }
  }
  if (attributes & ATTR.rdonly) list.push(['ATTR', destination, ATTR.rdonly, 0]);
  return list;
}
