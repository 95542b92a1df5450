import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { AT, hasCode, O, RESOLVE, syscalls } from '@gantry/linux';
import { conflict, invalidArgument } from '@gantry/rpc/errors';

/** Bytes of a container's file that the engine is willing to read. */
const MAX_FILE = 1024 * 1024;

/**
 * Runs fn with a descriptor (O_PATH) of a running container's root, as its first process sees it, mounts included. The descriptor pins the
 * root: whatever the container does to its paths meanwhile, what is opened below it stays below it.
 */
export function withContainerRoot<T>(pid: number, fn: (root: number) => T): T {
  const root = openContainerRoot(pid);
  try {
    return fn(root);
  } finally {
    closeSync(root);
  }
}

export function openContainerRoot(pid: number): number {
  try {
    return syscalls.openat(AT.FDCWD, `/proc/${pid}/root`, O.PATH | O.DIRECTORY | O.CLOEXEC);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ESRCH')) throw conflict(`the container's process ${pid} is gone`, { cause: error });
    throw error;
  }
}

/** A small regular file of a running container; links are followed inside its root only. Undefined when there is none. */
export function readInRoot(pid: number, path: string): string | undefined {
  return withContainerRoot(pid, (root) => {
    const found = resolveInRoot(root, path);
    if (found === undefined) return undefined;
    try {
      const stat = fstatSync(found);
      if (!stat.isFile()) throw invalidArgument(`${path} of the container is not a regular file`);
      if (stat.size > MAX_FILE) throw invalidArgument(`${path} of the container is larger than ${MAX_FILE} bytes`);
      // The pinned inode is a regular file: opening it can neither block nor wake a device.
      const fd = openSync(`/proc/self/fd/${found}`, 'r');
      try {
        const buffer = Buffer.alloc(stat.size);
        return buffer.toString('utf8', 0, readSync(fd, buffer, 0, buffer.length, 0));
      } finally {
        closeSync(fd);
      }
    } finally {
      closeSync(found);
    }
  });
}

/** A descriptor (O_PATH) of what a path names inside a root, links followed. The caller closes it. Throws the system's error. */
export function openInRoot(root: number, path: string, noFollow = false): number {
  return syscalls.openat2(root, path.replace(/^\/+/, '') || '.', {
    flags: O.PATH | O.CLOEXEC | (noFollow ? O.NOFOLLOW : 0),
    resolve: RESOLVE.IN_ROOT | RESOLVE.NO_MAGICLINKS,
  });
}

/** The same; undefined when there is nothing. */
export function resolveInRoot(root: number, path: string, noFollow = false): number | undefined {
  try {
    return openInRoot(root, path, noFollow);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return undefined;
    throw error;
  }
}
