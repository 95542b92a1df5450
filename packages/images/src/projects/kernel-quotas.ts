import { closeSync, constants, openSync } from 'node:fs';
import { hasCode, mountOf, readMountInfo, syscalls } from '@gantry/linux';
import type { ProjectQuotas } from './quotas';

/** linux/fs.h: struct fsxattr, 28 bytes, of which these are at 0 and 12. */
const [FS_IOC_FSGETXATTR, FS_IOC_FSSETXATTR, FSXATTR_SIZE] = [0x801c581f, 0x401c5820, 28];
const FS_XFLAG_PROJINHERIT = 0x200;

/** linux/quota.h and dqblk_xfs.h: commands with the kind of quota, PRJQUOTA, in the lowest byte. Every file system takes the first two. */
const PRJQUOTA = 2;
const command = (number: number): number => ((number << 8) | PRJQUOTA) >>> 0;
const [Q_GETQUOTA, Q_SETQUOTA, Q_XGETQSTAT] = [0x800007, 0x800008, 0x5805].map(command) as [number, number, number];
const ENFORCED = 0x30; // FS_QUOTA_PDQ_ACCT | FS_QUOTA_PDQ_ENFD

/** struct if_dqblk: nine words; the limits count kilobytes. */
const DQBLK_SIZE = 72;
const dqblk = { hardLimit: 0, softLimit: 8, space: 16, inodeHardLimit: 24, inodeSoftLimit: 32, inodes: 40, valid: 64 };
const QIF_BLIMITS = 1;
const KILOBYTE = 1024n;

/** The kernel's own: ext4, xfs, f2fs and whatever else takes the calls that all file systems share. */
export const kernelQuotas: ProjectQuotas = {
  supported(directory) {
    const status = Buffer.alloc(256); // struct fs_quota_stat, with room
    try {
      quotactl(directory, Q_XGETQSTAT, 0, status);
      projectOf(directory);
    } catch {
      return false; // ENOSYS, ENOTTY, ESRCH, EPERM …: each file system has its own word
    }
    return (status.readUInt16LE(2) & ENFORCED) === ENFORCED;
  },

  used(directory, project) {
    const block = Buffer.alloc(DQBLK_SIZE);
    try {
      quotactl(directory, Q_GETQUOTA, project, block);
    } catch (error) {
      if (hasCode(error, 'ENOENT', 'ESRCH')) return false; // xfs, of one that it never saw
      throw error;
    }
    const { hardLimit, softLimit, space, inodeHardLimit, inodeSoftLimit, inodes } = dqblk;
    return [hardLimit, softLimit, space, inodeHardLimit, inodeSoftLimit, inodes].some((at) => block.readBigUInt64LE(at) !== 0n);
  },

  projectOf,

  assign(directory, project) {
    withDirectory(directory, (fd) => {
      const attributes = Buffer.alloc(FSXATTR_SIZE);
      syscalls.ioctl(fd, FS_IOC_FSGETXATTR, attributes);
      attributes.writeUInt32LE((attributes.readUInt32LE(0) | FS_XFLAG_PROJINHERIT) >>> 0, 0);
      attributes.writeUInt32LE(project, 12);
      syscalls.ioctl(fd, FS_IOC_FSSETXATTR, attributes);
    });
  },

  limit(directory, project, bytes) {
    const block = Buffer.alloc(DQBLK_SIZE);
    const kilobytes = (BigInt(bytes) + KILOBYTE - 1n) / KILOBYTE;
    for (const at of [dqblk.hardLimit, dqblk.softLimit]) block.writeBigUInt64LE(kilobytes, at); // both: statfs shows the soft one
    block.writeUInt32LE(QIF_BLIMITS, dqblk.valid);
    quotactl(directory, Q_SETQUOTA, project, block);
  },
};

function projectOf(directory: string): number {
  const attributes = Buffer.alloc(FSXATTR_SIZE);
  withDirectory(directory, (fd) => syscalls.ioctl(fd, FS_IOC_FSGETXATTR, attributes));
  return attributes.readUInt32LE(12);
}

/** By the directory; a kernel before 5.14 is asked by the device that is mounted there. */
function quotactl(directory: string, number: number, project: number, data: Buffer): void {
  withDirectory(directory, (fd) => {
    try {
      syscalls.quotactlFd(fd, number, project, data);
    } catch (error) {
      const device = hasCode(error, 'ENOSYS') ? mountOf(directory, readMountInfo())?.source : undefined;
      if (device?.startsWith('/') !== true) throw error;
      syscalls.quotactl(number, device, project, data);
    }
  });
}

function withDirectory<T>(directory: string, fn: (fd: number) => T): T {
  const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    return fn(fd);
  } finally {
    closeSync(fd);
  }
}
