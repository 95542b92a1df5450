import { S } from '@gantry/linux';

/** Bits of Go's os.FileMode, which fsutil's wire has for modes. They do not fit into 31 bits: no bit operator holds them. */
export const MODE = {
  dir: 2 ** 31,
  symlink: 2 ** 27,
  device: 2 ** 26,
  pipe: 2 ** 25,
  socket: 2 ** 24,
  setuid: 2 ** 23,
  setgid: 2 ** 22,
  charDevice: 2 ** 21,
  sticky: 2 ** 20,
} as const;

const TYPES: Readonly<Record<number, number>> = {
  [S.IFDIR]: MODE.dir,
  [S.IFLNK]: MODE.symlink,
  [S.IFIFO]: MODE.pipe,
  [S.IFSOCK]: MODE.socket,
  [S.IFBLK]: MODE.device,
  [S.IFCHR]: MODE.device + MODE.charDevice,
};

export const hasBit = (mode: number, bit: number): boolean => Math.floor(mode / bit) % 2 === 1;

/** The kernel's mode (inode(7)) as the wire has it. */
export function wireMode(mode: number): number {
  const special = (bit: number, own: number): number => ((mode & bit) === 0 ? 0 : own);
  return (
    (TYPES[mode & S.IFMT] ?? 0) +
    (mode & 0o777) +
    special(0o4000, MODE.setuid) +
    special(0o2000, MODE.setgid) +
    special(0o1000, MODE.sticky)
  );
}

/** Permissions of the wire's mode as chmod(2) takes them. */
export const permissions = (mode: number): number =>
  (mode & 0o777) |
  (hasBit(mode, MODE.setuid) ? 0o4000 : 0) |
  (hasBit(mode, MODE.setgid) ? 0o2000 : 0) |
  (hasBit(mode, MODE.sticky) ? 0o1000 : 0);
