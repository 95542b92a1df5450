import { closeSync, constants, existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, rmdirSync, statSync } from 'node:fs';
import { join, posix } from 'node:path';
import type { Mount } from '@gantry/api/containerd/types/types';
import type { MountRecord } from '@gantry/api/gantry/engine/v1/record';
import { AT, hasCode, MNT, MOUNT_ATTR, MOVE_MOUNT, MS, O, OPEN_TREE, splitMountOptions, syscalls } from '@gantry/linux';
import { failedPrecondition } from '@gantry/rpc/errors';
import { resolveInRoot } from '../../core/processes/container-root';

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
export function mountView(
  place: string,
  rootfs: readonly Mount[],
  mounts: readonly MountRecord[],
  writable: boolean,
  mapping?: ViewMapping,
): number {
  const { tree, missing } = mountOnce(place, rootfs, mounts, writable, mapping);
  if (!missing) return tree;
  // Mount points that no start has made yet are made in the container's snapshot, as dockerd does.
  closeSync(tree);
  closeSync(mountOnce(place, rootfs, mounts, true, mapping).tree);
  return mountOnce(place, rootfs, mounts, writable, mapping).tree;
}

function mountOnce(
  place: string,
  rootfs: readonly Mount[],
  mounts: readonly MountRecord[],
  writable: boolean,
  mapping?: ViewMapping,
): { tree: number; missing: boolean } {
  if (rootfs.length === 0) throw failedPrecondition('the container has no root file system to look at');
  mkdirSync(place, { recursive: true, mode: 0o700 });
  const target = mkdtempSync(join(place, 'view-'));
  const before = mountRoot(rootfs, target, writable);
  try {
    syscalls.mount(null, target, '', MS.REC | MS.PRIVATE, null);
    const root = syscalls.openat(AT.FDCWD, target, O.PATH | O.DIRECTORY | O.CLOEXEC);
    let missing = false;
    try {
      for (const volume of mounts) {
        if (writable) makeMountPoint(root, volume);
        missing =
          bindVolume(root, volume, mapping?.destinations.has(volume.destination) === true ? mapping.space : undefined) === 'missing' ||
          missing;
      }
    } finally {
      closeSync(root);
    }
    return { tree: syscalls.openTree(AT.FDCWD, target, DETACHED_COPY), missing: missing && !writable };
  } finally {
    unmount(target, before);
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

/** Mounts one over the other, as a snapshotter means them; answers how many. None stays when one fails. */
function mountRoot(rootfs: readonly Mount[], target: string, writable: boolean): number {
  let count = 0;
  try {
    for (const mount of rootfs) {
      if (mount.type === 'overlay') mountOverlay(mount, target, writable);
      else mountOther(mount, target, writable);
      count++;
    }
    return count;
  } catch (error) {
    unmount(target, count);
    throw error;
  }
}

function unmount(target: string, count: number): void {
  for (; count > 0; count--) syscalls.umount2(target, MNT.DETACH);
  rmdirSync(target);
}

/** A bind keeps what its tree says; a file system of another kind (erofs, ext4 …) is read-only for reading. */
function mountOther({ type, source, options }: Mount, target: string, writable: boolean): void {
  if (type === 'bind') {
    syscalls.mount(source, target, '', MS.BIND | MS.REC, null);
    return;
  }
  const { flags, data } = splitMountOptions(options);
  syscalls.mount(source, target, type, writable ? flags : flags | MS.RDONLY, data.length === 0 ? null : data.join(','));
}

function mountOverlay(mount: Mount, target: string, writable: boolean): void {
  const options = mount.options.filter((option) => option.includes('=') || /^(volatile|userxattr)$/.test(option));
  const find = (name: string): string | undefined => options.find((option) => option.startsWith(`${name}=`))?.slice(name.length + 1);
  const upper = find('upperdir');
  if (writable || upper === undefined) {
    syscalls.mount('overlay', target, 'overlay', 0, options.join(','));
    return;
  }
  const rest = options.filter((option) => !/^(lowerdir|upperdir|workdir|volatile|index)\b/.test(option));
  syscalls.mount(
    'overlay',
    target,
    'overlay',
    MS.RDONLY,
    [`lowerdir=${upper.replaceAll(':', '\\:')}:${find('lowerdir') ?? ''}`, ...rest].join(','),
  );
}

/** Whether it shows files of the host's; an image's are there from the first start on. */
const boundFrom = ({ type, source }: MountRecord): boolean => type === 'bind' || type === 'volume' || (type === 'image' && source !== '');

/** Makes the directory (for a file: the file) that a mount will lie on. A name that is taken by something else, as a dangling link, stays. */
function makeMountPoint(root: number, mount: MountRecord): void {
  const file = boundFrom(mount) && existsSync(mount.source) && !statSync(mount.source).isDirectory();
  const make = (path: string, last: boolean): void => {
    const there = path === '/' ? undefined : resolveInRoot(root, path);
    if (there !== undefined) return closeSync(there);
    if (path === '/') return;
    make(posix.dirname(path), false);
    const parent = resolveInRoot(root, posix.dirname(path));
    if (parent === undefined) return;
    try {
      const name = `/proc/self/fd/${parent}/${posix.basename(path)}`;
      if (last && file) closeSync(openSync(name, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o644));
      else mkdirSync(name, 0o755);
    } catch (error) {
      if (!hasCode(error, 'EEXIST', 'ENOTDIR', 'EROFS')) throw error;
    } finally {
      closeSync(parent);
    }
  };
  make(posix.normalize(`/${mount.destination}`).replace(/(.)\/$/, '$1'), true);
}

/** Binds a volume where the container would see it; a source that is gone is left out. */
function bindVolume(root: number, mount: MountRecord, space: string | undefined): 'bound' | 'missing' | 'left out' {
  const destination = resolveInRoot(root, mount.destination);
  if (destination === undefined) return 'missing';
  try {
    if (!boundFrom(mount)) return 'left out';
    // Not looked at before: the root of a file system whose server is gone can still be bound, so that it is in nobody's way.
    bindApart(mount.source, destination, space);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return 'left out';
    throw error;
  } finally {
    closeSync(destination);
  }
  if (!mount.rw) makeReadOnly(root, mount.destination);
  return 'bound';
}

/**
 * A bind that is nobody's peer from its first moment: what is taken apart with the view would go from below the source, too, where mounts
 * are shared, as systemd has them.
 */
function bindApart(source: string, destination: number, space: string | undefined): void {
  const tree = syscalls.openTree(AT.FDCWD, source, DETACHED_COPY);
  try {
    syscalls.mountSetattr(tree, '', AT.EMPTY_PATH | AT.RECURSIVE, { propagation: MS.PRIVATE });
    if (space !== undefined) mapOwners(tree, space);
    syscalls.moveMount(tree, '', destination, '', MOVE_MOUNT.F_EMPTY_PATH | MOVE_MOUNT.T_EMPTY_PATH);
  } finally {
    closeSync(tree);
  }
}

function mapOwners(tree: number, space: string): void {
  const userns = syscalls.openat(AT.FDCWD, space, O.RDONLY | O.CLOEXEC);
  try {
    syscalls.mountSetattr(tree, '', AT.EMPTY_PATH, { set: MOUNT_ATTR.IDMAP, userns });
  } finally {
    closeSync(userns);
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
