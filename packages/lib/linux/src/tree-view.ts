import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { invalidArgument } from '@gantry/rpc/errors';
import { AT, FSCONFIG, FSMOUNT_CLOEXEC, FSOPEN_CLOEXEC, MNT, MOUNT_ATTR, MS, O } from './constants';
import { syscalls } from './linux-syscalls';
import { splitMountOptions } from './mount-words';
import { hasCode } from './syscall-error';

/** A mount of a snapshot, as containerd tells it. */
export interface TreeMount {
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

/**
 * A read-only look at stacked directories (top first) as a descriptor; nothing is mounted anywhere that others could see. The caller closes
 * it, which unmounts.
 */
export function openStack(directories: readonly string[]): number {
  const [only] = directories;
  if (directories.length === 1 && only !== undefined) return syscalls.openat(AT.FDCWD, only, O.RDONLY | O.DIRECTORY | O.CLOEXEC);
  try {
    return detached(directories);
  } catch (error) {
    if (!hasCode(error, 'EINVAL', 'ENOSYS')) throw error;
    return attached(directories); // before kernel 6.5 layers cannot be added one by one
  }
}

/**
 * The tree that mounts show, as a descriptor. What is one bind or one overlay is looked at where it lies, read-only, and may be in use; anything
 * else is mounted, writable when its options allow it.
 */
export function openMounts(mounts: readonly TreeMount[]): number {
  const [mount] = mounts;
  if (mount === undefined) throw invalidArgument('there are no mounts to look at');
  if (mounts.length === 1 && mount.type === 'bind') return openStack([mount.source]);
  const layers = mounts.length === 1 ? layersOf(mount) : undefined;
  return layers === undefined ? mounted(mounts) : openStack(layers);
}

/** Runs fn with a path of the tree that mounts show; the path is good for other processes, too. */
export async function withMounts<T>(mounts: readonly TreeMount[], fn: (path: string) => Promise<T>): Promise<T> {
  const tree = openMounts(mounts);
  try {
    return await fn(`/proc/${process.pid}/fd/${tree}`);
  } finally {
    syscalls.close(tree);
  }
}

/** Directories of one overlay mount, top first; undefined for another kind of mount. */
export function layersOf(mount: TreeMount): string[] | undefined {
  if (mount.type !== 'overlay') return undefined;
  const value = (key: string): string | undefined => mount.options.find((option) => option.startsWith(`${key}=`))?.slice(key.length + 1);
  const upper = value('upperdir');
  const lower = (value('lowerdir') ?? '')
    .split(/(?<!\\):/)
    .filter((directory) => directory !== '')
    .map((directory) => directory.replaceAll('\\:', ':'));
  return upper === undefined ? lower : [upper, ...lower];
}

/** Mounts one over the other for a moment: the descriptor keeps what it shows. */
function mounted(mounts: readonly TreeMount[]): number {
  const target = mkdtempSync(join(tmpdir(), 'gantry-view-'));
  let count = 0;
  try {
    for (const { type, source, options } of mounts) {
      const { flags, data } = splitMountOptions(options);
      syscalls.mount(source, target, type === 'bind' ? '' : type, flags, data.length === 0 ? null : data.join(','));
      count++;
    }
    return syscalls.openat(AT.FDCWD, target, O.RDONLY | O.DIRECTORY | O.CLOEXEC);
  } finally {
    for (; count > 0; count--) syscalls.umount2(target, MNT.DETACH);
    rmdirSync(target);
  }
}

function detached(directories: readonly string[]): number {
  const fs = syscalls.fsopen('overlay', FSOPEN_CLOEXEC);
  try {
    syscalls.fsconfig(fs, FSCONFIG.SET_STRING, 'source', 'overlay', 0);
    for (const directory of directories) syscalls.fsconfig(fs, FSCONFIG.SET_STRING, 'lowerdir+', directory, 0);
    syscalls.fsconfig(fs, FSCONFIG.CMD_CREATE, null, null, 0);
    return syscalls.fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR.RDONLY);
  } finally {
    syscalls.close(fs);
  }
}

function attached(directories: readonly string[]): number {
  const target = mkdtempSync(join(tmpdir(), 'gantry-view-'));
  try {
    syscalls.mount('overlay', target, 'overlay', MS.RDONLY, `lowerdir=${directories.join(':')}`);
    try {
      return syscalls.openat(AT.FDCWD, target, O.RDONLY | O.DIRECTORY | O.CLOEXEC);
    } finally {
      syscalls.umount2(target, MNT.DETACH);
    }
  } finally {
    rmdirSync(target);
  }
}
