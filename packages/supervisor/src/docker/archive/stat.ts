import { closeSync, fstatSync, type Stats } from 'node:fs';
import { posix } from 'node:path';
import { formatTimestamp } from '@gantry/api';
import type { PathStat } from '@gantry/api/gantry/engine/v1/containers';
import { hasCode, syscalls } from '@gantry/linux';
import { internal, invalidArgument, notFound } from '@gantry/rpc/errors';
import { openInRoot } from '../../core/processes/container-root';

/** Go's os.FileMode bits above the permissions. */
const GO_MODE = {
  dir: 2 ** 31,
  symlink: 2 ** 27,
  device: 2 ** 26,
  fifo: 2 ** 25,
  socket: 2 ** 24,
  setuid: 2 ** 23,
  setgid: 2 ** 22,
  charDevice: 2 ** 21,
  sticky: 2 ** 20,
} as const;

export function goFileMode(stat: Stats): number {
  let mode = stat.mode & 0o777;
  if (stat.isDirectory()) mode += GO_MODE.dir;
  if (stat.isSymbolicLink()) mode += GO_MODE.symlink;
  if (stat.isBlockDevice()) mode += GO_MODE.device;
  if (stat.isCharacterDevice()) mode += GO_MODE.device + GO_MODE.charDevice;
  if (stat.isFIFO()) mode += GO_MODE.fifo;
  if (stat.isSocket()) mode += GO_MODE.socket;
  if ((stat.mode & 0o4000) !== 0) mode += GO_MODE.setuid;
  if ((stat.mode & 0o2000) !== 0) mode += GO_MODE.setgid;
  if ((stat.mode & 0o1000) !== 0) mode += GO_MODE.sticky;
  return mode;
}

/** Absolute and clean, as docker reads a path of `docker cp`; a trailing slash or `/.` asks for a directory. */
export function cleanPath(path: string): { readonly path: string; readonly wantsDirectory: boolean; readonly name: string } {
  if (path === '' || path.includes('\0')) throw invalidArgument(`invalid container path: ${JSON.stringify(path)}`);
  const clean = posix.normalize(`/${path}`).replace(/(.)\/+$/, '$1');
  const dotted = /(^|\/)\.\/*$/.test(path);
  return { path: clean, wantsDirectory: path.endsWith('/') || dotted, name: dotted ? '.' : posix.basename(clean) || '/' };
}

export function noSuchPath(path: string, id: string): Error {
  return notFound(`Could not find the file ${path} in container ${id}`);
}

/** One path inside a pinned root; its last component is not followed unless a directory is asked for. */
export function statInRoot(root: number, id: string, asked: string): PathStat {
  const { path, name, wantsDirectory } = cleanPath(asked);
  const fd = look(root, id, asked);
  try {
    const stat = fstatSync(fd);
    if (wantsDirectory && !stat.isDirectory()) throw internal(`lstat ${asked}: not a directory`);
    const { mtimeNs } = fstatSync(fd, { bigint: true });
    return {
      name,
      size: BigInt(stat.size),
      mode: goFileMode(stat),
      mtime: formatTimestamp({ seconds: mtimeNs / 1_000_000_000n, nanos: Number(mtimeNs % 1_000_000_000n) }),
      linkTarget: stat.isSymbolicLink() ? linkTarget(fd, path) : '',
    };
  } finally {
    closeSync(fd);
  }
}

/** Opens what a path names. A way that leads over something else than directories is told as the system has it, as dockerd does. */
function look(root: number, id: string, asked: string): number {
  const { path, wantsDirectory } = cleanPath(asked);
  try {
    return openInRoot(root, path, !wantsDirectory);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) throw noSuchPath(asked, id);
    if (hasCode(error, 'ENOTDIR')) throw internal(`lstat ${asked}: not a directory`, { cause: error });
    if (hasCode(error, 'ELOOP')) throw internal(`lstat ${asked}: too many levels of symbolic links`, { cause: error });
    throw error;
  }
}

/** An absolute path inside the container. */
function linkTarget(fd: number, path: string): string {
  return posix.resolve(posix.dirname(path), syscalls.readlinkat(fd, ''));
}
