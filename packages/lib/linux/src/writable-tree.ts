import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AT, FSCONFIG, FSMOUNT_CLOEXEC, FSOPEN_CLOEXEC, MNT, O } from './constants';
import { syscalls } from './linux-syscalls';
import { hasCode } from './syscall-error';
import { layersOf, openMounts, type TreeMount } from './tree-view';

/**
 * Runs fn with a path of the tree that mounts show, to be written to; the path is good for other processes, too, and mounted nowhere that others could see. What
 * was written is in the tree's own directory afterwards.
 */
export async function withWritableMounts<T>(mounts: readonly TreeMount[], fn: (path: string) => Promise<T>): Promise<T> {
  const [mount] = mounts;
  const overlay = mounts.length === 1 && mount?.type === 'overlay' ? mount : undefined;
  const tree = overlay === undefined ? openMounts(mounts) : openOverlay(overlay);
  try {
    return await fn(`/proc/${process.pid}/fd/${tree}`);
  } finally {
    await syscalls.async.close(tree); // the last one unmounts, which may wait for the disk
  }
}

function openOverlay(mount: TreeMount): number {
  try {
    return detached(mount);
  } catch (error) {
    if (!hasCode(error, 'EINVAL', 'ENOSYS')) throw error;
    return attached(mount); // before kernel 6.5 layers cannot be added one by one
  }
}

function detached(mount: TreeMount): number {
  const fs = syscalls.fsopen('overlay', FSOPEN_CLOEXEC);
  try {
    syscalls.fsconfig(fs, FSCONFIG.SET_STRING, 'source', 'overlay', 0);
    const upper = mount.options.find((option) => option.startsWith('upperdir='))?.slice('upperdir='.length);
    for (const directory of layersOf(mount) ?? [])
      syscalls.fsconfig(fs, FSCONFIG.SET_STRING, directory === upper ? 'upperdir' : 'lowerdir+', directory, 0);
    for (const option of mount.options.filter((each) => !/^(lowerdir|upperdir)=|^rw$/.test(each))) {
      const [key = '', value] = option.split(/=(.*)/s);
      syscalls.fsconfig(fs, value === undefined ? FSCONFIG.SET_FLAG : FSCONFIG.SET_STRING, key, value ?? null, 0);
    }
    syscalls.fsconfig(fs, FSCONFIG.CMD_CREATE, null, null, 0);
    return syscalls.fsmount(fs, FSMOUNT_CLOEXEC, 0);
  } finally {
    syscalls.close(fs);
  }
}

function attached(mount: TreeMount): number {
  const target = mkdtempSync(join(tmpdir(), 'gantry-tree-'));
  try {
    syscalls.mount(mount.source, target, 'overlay', 0, mount.options.filter((option) => option !== 'rw').join(','));
    try {
      return syscalls.openat(AT.FDCWD, target, O.RDONLY | O.DIRECTORY | O.CLOEXEC);
    } finally {
      syscalls.umount2(target, MNT.DETACH);
    }
  } finally {
    rmdirSync(target);
  }
}
