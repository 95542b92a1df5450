import type { FileStatus, FsStatus } from './syscalls';

/** struct statx (statx(2)); offsets are part of the ABI and alike on every architecture. */
export const STATX_SIZE = 256;
export const STATX_BASIC = 0x7ff;
export const STATX_MNT_ID = 0x1000;

export function readStatx(raw: Buffer): FileStatus {
  return {
    nlink: raw.readUInt32LE(16),
    uid: raw.readUInt32LE(20),
    gid: raw.readUInt32LE(24),
    mode: raw.readUInt16LE(28),
    ino: raw.readBigUInt64LE(32),
    size: raw.readBigUInt64LE(40),
    blocks: raw.readBigUInt64LE(48),
    atime: raw.readBigInt64LE(64),
    atimeNanos: raw.readUInt32LE(72),
    mtime: raw.readBigInt64LE(112),
    mtimeNanos: raw.readUInt32LE(120),
    rdev: { major: raw.readUInt32LE(128), minor: raw.readUInt32LE(132) },
    dev: { major: raw.readUInt32LE(136), minor: raw.readUInt32LE(140) },
    mountId: raw.readBigUInt64LE(144),
  };
}

/** struct statfs of the 64-bit architectures: words of eight bytes. */
export const STATFS_SIZE = 120;

export function readStatfs(raw: Buffer): FsStatus {
  const word = (index: number): bigint => raw.readBigUInt64LE(index * 8);
  return {
    type: Number(word(0)),
    blockSize: Number(word(1)),
    blocks: word(2),
    freeBlocks: word(3),
    availableBlocks: word(4),
    files: word(5),
    freeFiles: word(6),
    nameLength: Number(word(8)),
    flags: word(10),
  };
}
