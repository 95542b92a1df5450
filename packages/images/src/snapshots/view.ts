import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FSCONFIG, FSMOUNT_CLOEXEC, FSOPEN_CLOEXEC, hasCode, MNT, MOUNT_ATTR, MS, O, syscalls, AT } from '@gantry/linux';

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
