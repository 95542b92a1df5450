import { lstatSync, readlinkSync, statSync } from 'node:fs';
import { posix } from 'node:path';
import type { Spec } from '@gantry/oci';
import type { CgroupPlan } from '../cgroup/contract';
import { parseMountOptions } from '../compile/mount-options';

export interface ExternalMount {
  /** Where it lies in the container, without links. */
  readonly target: string;
  /** Path on the host. */
  readonly source: string;
}

/** Mounts whose content is the host's: they are not in the images and are bound anew. `root` is a path of the container's root. */
export function externalMounts(spec: Spec, bundle: string, root: string, cgroup: CgroupPlan): ExternalMount[] {
  const list: ExternalMount[] = [];
  const ownCgroups = (spec.linux?.namespaces ?? []).some((n) => n.type === 'cgroup' && !n.path);
  for (const [i, mount] of (spec.mounts ?? []).entries()) {
    const options = parseMountOptions(mount, `mounts[${i}]`, []);
    if (options.remount) continue;
    const target = resolveInside(root, mount.destination);
    if (options.bind) list.push({ target, source: posix.resolve(bundle, mount.source ?? '') });
    else if (mount.type === 'cgroup' && cgroup.mode !== 'v2' && !ownCgroups) {
      for (const { version, mountpoint, directory } of cgroup.directories)
        if (version === 1) list.push({ target: posix.join(target, posix.basename(mountpoint)), source: directory });
    }
  }
  for (const path of new Set(spec.linux?.maskedPaths ?? [])) {
    const target = resolveInside(root, path);
    /* What lies in a procfs that is not mounted yet cannot be seen; a name too many does no harm. */
    if (!statSync(posix.join(root, target), { throwIfNoEntry: false })?.isDirectory()) list.push({ target, source: '/dev/null' });
  }
  return list;
}

const LINKS = 40;

/** Follows links as the container would; what does not exist is taken as it is. */
export function resolveInside(root: string, path: string): string {
  let done = '/';
  let left = posix.normalize(path).split('/').filter(Boolean);
  for (let links = 0; left.length > 0;) {
    const [name = '', ...rest] = left;
    left = rest;
    if (name === '..') {
      done = posix.dirname(done);
      continue;
    }
    const here = posix.join(done, name);
    const stat = lstatSync(posix.join(root, here), { throwIfNoEntry: false });
    if (!stat?.isSymbolicLink() || ++links > LINKS) {
      done = here;
      continue;
    }
    const text = readlinkSync(posix.join(root, here));
    if (text.startsWith('/')) done = '/';
    left = [...text.split('/').filter((part) => part !== '' && part !== '.'), ...left];
  }
  return done;
}
