import { closeSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Mount } from '@gantry/api/containerd/types/types';
import type { MountRecord } from '@gantry/api/gantry/engine/v1/record';
import { AT, hasCode, MNT, MOUNT_ATTR, MOVE_MOUNT, MS, O, OPEN_TREE, syscalls } from '@gantry/linux';
import { notImplemented } from '@gantry/rpc';
import { resolveInRoot } from '../containers/container-root';

/** Flags of open_tree(2) for a detached copy of a mount with everything mounted below it. */
const DETACHED_COPY = OPEN_TREE.CLONE | OPEN_TREE.CLOEXEC | AT.RECURSIVE;

/** The mounts that a container sees through the map of its user namespace. */
export interface ViewMapping {
  /** Path of the user namespace. */
  readonly space: string;
  readonly destinations: ReadonlySet<string>;
}

/**
 * A stopped container's root with its volumes, as a descriptor of a detached mount tree: it has no place in any mount namespace, and the
 * kernel takes it apart when the descriptor is closed, whatever happens to this process. For reading, the layers alone are mounted, so that
 * the container may start meanwhile; for writing, its own snapshot, and it must not.
 */
export function mountView(place: string, rootfs: readonly Mount[], mounts: readonly MountRecord[], writable: boolean, mapping?: ViewMapping): number {
  const [mount] = rootfs;
  if (mount === undefined || rootfs.length > 1) throw notImplemented('the snapshotter answered mounts that are neither one overlay nor one bind');
  mkdirSync(place, { recursive: true, mode: 0o700 });
  const target = mkdtempSync(join(place, 'view-'));
  let mounted = false;
  try {
    mountRoot(mount, target, writable);
    mounted = true;
    syscalls.mount(null, target, '', MS.REC | MS.PRIVATE, null);
    const root = syscalls.openat(AT.FDCWD, target, O.PATH | O.DIRECTORY | O.CLOEXEC);
    try {
      for (const volume of mounts) bindVolume(root, volume, mapping?.destinations.has(volume.destination) === true ? mapping.space : undefined);
    } finally {
      closeSync(root);
    }
    return syscalls.openTree(AT.FDCWD, target, DETACHED_COPY);
  } finally {
    if (mounted) syscalls.umount2(target, MNT.DETACH);
    rmdirSync(target);
  }
}

/** Takes away mount points that a crash left between two calls of mountView. */
export function removeStrayViews(place: string): void {
  if (!existsSync(place)) return;
  for (const name of readdirSync(place)) {
    const target = join(place, name);
    try {
      syscalls.umount2(target, MNT.DETACH);
    } catch (error) {
      if (!hasCode(error, 'EINVAL', 'ENOENT')) throw error;
    }
    rmdirSync(target);
  }
}

function mountRoot(mount: Mount, target: string, writable: boolean): void {
  if (mount.type === 'bind') {
    syscalls.mount(mount.source, target, '', MS.BIND | MS.REC, null);
    return;
  }
  const options = mount.options.filter((option) => option.includes('=') || /^(volatile|userxattr)$/.test(option));
  const find = (name: string): string | undefined => options.find((option) => option.startsWith(`${name}=`))?.slice(name.length + 1);
  const upper = find('upperdir');
  if (writable || upper === undefined) {
    syscalls.mount('overlay', target, 'overlay', 0, options.join(','));
    return;
  }
  const rest = options.filter((option) => !/^(lowerdir|upperdir|workdir|volatile|index)\b/.test(option));
  syscalls.mount('overlay', target, 'overlay', MS.RDONLY, [`lowerdir=${upper.replaceAll(':', '\\:')}:${find('lowerdir') ?? ''}`, ...rest].join(','));
}

/** Binds a volume where the container would see it; a destination that does not exist, or a source that is gone, is left out. */
function bindVolume(root: number, mount: MountRecord, space: string | undefined): void {
  if ((mount.type !== 'bind' && mount.type !== 'volume') || !existsSync(mount.source)) return;
  const destination = resolveInRoot(root, mount.destination);
  if (destination === undefined) return;
  try {
    if (space === undefined) syscalls.mount(mount.source, `/proc/self/fd/${destination}`, '', MS.BIND | MS.REC, null);
    else bindMapped(mount.source, destination, space);
  } finally {
    closeSync(destination);
  }
  if (!mount.rw) makeReadOnly(root, mount.destination);
}

function bindMapped(source: string, destination: number, space: string): void {
  const tree = syscalls.openTree(AT.FDCWD, source, DETACHED_COPY);
  try {
    const userns = syscalls.openat(AT.FDCWD, space, O.RDONLY | O.CLOEXEC);
    try {
      syscalls.mountSetattr(tree, '', AT.EMPTY_PATH, { set: MOUNT_ATTR.IDMAP, userns });
    } finally {
      closeSync(userns);
    }
    syscalls.moveMount(tree, '', destination, '', MOVE_MOUNT.F_EMPTY_PATH | MOVE_MOUNT.T_EMPTY_PATH);
  } finally {
    closeSync(tree);
  }
}

/** Looks the place up again: the descriptor it was mounted on names what now lies under the mount. */
function makeReadOnly(root: number, destination: string): void {
  const mounted = resolveInRoot(root, destination);
  if (mounted === undefined) return;
  try {
    syscalls.mount(null, `/proc/self/fd/${mounted}`, '', MS.BIND | MS.REMOUNT | MS.RDONLY, null);
  } finally {
    closeSync(mounted);
  }
}
