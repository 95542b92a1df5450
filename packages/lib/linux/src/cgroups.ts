import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type MountInfo, readMountInfo } from './mountinfo';

/** One mounted hierarchy. */
export interface CgroupHierarchy {
  readonly version: 1 | 2;
  /** v1: the controllers of this hierarchy (empty for a named one). v2: cgroup.controllers of the root. */
  readonly controllers: readonly string[];
  /** Name of a v1 hierarchy without controllers, e.g. `systemd`. */
  readonly name?: string;
  /** Where the hierarchy's root is mounted. */
  readonly path: string;
  /** This process's cgroup below that root, e.g. `/system.slice/x.service`. */
  readonly own: string;
}

export interface Cgroups {
  /** v1: only v1 hierarchies; hybrid: v1 with a v2 tree beside it; v2: one tree; none: nothing is mounted. */
  readonly mode: 'v1' | 'hybrid' | 'v2' | 'none';
  /** Every mounted hierarchy once, name=systemd and unified included. */
  readonly hierarchies: readonly CgroupHierarchy[];
  /** The hierarchy that governs a controller (for `unified` the v2 tree). */
  find(controller: string): CgroupHierarchy | undefined;
}

export interface CgroupFiles {
  readonly mounts: readonly MountInfo[];
  /** Text of /proc/self/cgroup. */
  readonly own: string;
  /** cgroup.controllers of a v2 mount. */
  controllers(mountPoint: string): string;
}

/** Reads how this host mounts its cgroups. Cheap; the answer does not change while the system runs. */
export function detectCgroups(files: CgroupFiles = hostFiles()): Cgroups {
  const own = parseOwn(files.own);
  const seen = new Set<string>();
  const hierarchies: CgroupHierarchy[] = [];
  for (const mount of files.mounts) {
    if ((mount.type !== 'cgroup' && mount.type !== 'cgroup2') || mount.root.startsWith('/..')) continue;
    const key = mount.type === 'cgroup2' ? '' : controllersOf(mount).join(',') || `name=${nameOf(mount) ?? ''}`;
    if (seen.has(key)) continue; // bound again elsewhere
    seen.add(key);
    const place = relativeTo(mount.root, own.get(key) ?? '/');
    if (mount.type === 'cgroup2') {
      hierarchies.push({ version: 2, controllers: words(files.controllers(mount.mountPoint)), path: mount.mountPoint, own: place });
    } else {
      const name = nameOf(mount);
      hierarchies.push({
        version: 1,
        controllers: controllersOf(mount),
        path: mount.mountPoint,
        own: place,
        ...(name === undefined ? {} : { name }),
      });
    }
  }
  const versions = new Set(hierarchies.map(({ version }) => version));
  const mode = versions.size === 2 ? 'hybrid' : versions.has(2) ? 'v2' : versions.has(1) ? 'v1' : 'none';
  return {
    mode,
    hierarchies,
    find: (controller) =>
      hierarchies.find((item) =>
        controller === 'unified' ? item.version === 2 : item.controllers.includes(controller) || item.name === controller,
      ),
  };
}

function hostFiles(): CgroupFiles {
  return {
    mounts: readMountInfo(),
    own: readFileSync('/proc/self/cgroup', 'utf8'),
    controllers: (mountPoint) => readFileSync(join(mountPoint, 'cgroup.controllers'), 'utf8'),
  };
}

const words = (text: string): string[] => text.split(/\s+/).filter((word) => word !== '');

/** Options of a v1 mount that are no controllers. */
const plainOptions = new Set(['rw', 'ro', 'clone_children', 'xattr', 'noprefix', 'cpuset_v2_mode', 'favordynmods', 'none', 'all']);

function controllersOf(mount: MountInfo): string[] {
  return mount.superOptions.filter((option) => !plainOptions.has(option) && !option.includes('='));
}

function nameOf(mount: MountInfo): string | undefined {
  return mount.superOptions.find((option) => option.startsWith('name='))?.slice('name='.length);
}

/** /proc/self/cgroup: `id:controllers:path`; the v2 tree has id 0 and no controllers. */
function parseOwn(text: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = /^\d+:([^:]*):(.*)$/.exec(line);
    if (match !== null) found.set(match[1] ?? '', match[2] ?? '');
  }
  return found;
}

/** A bind-mounted part of the hierarchy (a container's view) shows paths below its own root. */
function relativeTo(root: string, own: string): string {
  if (root === '/' || !(own === root || own.startsWith(`${root}/`))) return own;
  return own.slice(root.length) || '/';
}
