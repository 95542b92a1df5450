import { posix } from 'node:path';
import { invalidArgument } from '@gantry/rpc/errors';
import type { Spec } from '@gantry/oci';

/**
 * Where a container's cgroups lie: linux.cgroupsPath, or /gantry/<id>. An absolute path counts from the hierarchy's root, a relative one
 * from /gantry. The `slice:prefix:name` form of systemd becomes /slice/prefix-name.scope. `..` is refused.
 */
export function containerCgroupPath(spec: Spec, id: string): string {
  const given = spec.linux?.cgroupsPath;
  if (!given) return checkCgroupPath(`/gantry/${id}`);
  const [slice, prefix, name, ...rest] = given.split(':');
  if (name !== undefined && rest.length === 0 && !given.includes('/')) {
    return checkCgroupPath(`/${[...expandSlice(slice || 'system.slice'), `${prefix ? `${prefix}-` : ''}${name}.scope`].join('/')}`);
  }
  return checkCgroupPath(posix.isAbsolute(given) ? given : `/gantry/${given}`);
}

/** The monitor's cgroup is a sibling, so that pause, limits and removal of the container do not reach it. */
export function monitorCgroupPath(id: string): string {
  return checkCgroupPath(`/gantry-monitors/${id}`);
}

/** Absolute, no `.` and `..`, no empty parts, not the root. */
export function checkCgroupPath(path: string): string {
  const parts = path.replace(/\/+/g, '/').replace(/\/$/, '').split('/').slice(1);
  if (
    !path.startsWith('/') ||
    parts.length === 0 ||
    parts.some((part) => part === '' || part === '.' || part === '..' || /[\0\n]/.test(part))
  ) {
    throw invalidArgument(`cgroup path "${path}" is not allowed`);
  }
  return `/${parts.join('/')}`;
}

/** a-b.slice lies in a.slice. */
function expandSlice(slice: string): string[] {
  const words = slice.replace(/\.slice$/, '').split('-');
  return slice.endsWith('.slice') ? words.map((_, i) => `${words.slice(0, i + 1).join('-')}.slice`) : [slice];
}
