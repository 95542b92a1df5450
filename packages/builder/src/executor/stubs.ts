import { posix } from 'node:path';
import { AT, type FileTimes, hasCode, O, S, syscalls } from '@gantry/linux';
import type { Tree } from './tree';

/** A place for a mount. */
export interface MountPoint {
  /** In the container. */
  readonly path: string;
  readonly isFolder: boolean;
}

/** What was made in the tree because something is mounted there: the true path of the folder that it is in, and its name. */
export interface Stub {
  readonly parent: string;
  readonly name: string;
}

/**
 * Makes the places that are not in the tree yet, so that the runtime need not: the folder that one is made in keeps its times. Answers with what is to be taken away
 * afterwards; `recursive`: also the parents that were made. Nothing may run in the tree.
 */
export function makeStubs(tree: Tree, points: readonly MountPoint[], recursive: boolean): Stub[] {
  return points.flatMap((point) => {
    const path = posix.resolve('/', point.path);
    if (path === '/' || tree.exists(path)) return [];
    const missing = [posix.basename(path)];
    let above = posix.dirname(path);
    let parent = tree.truePath(above);
    for (; parent === undefined; parent = tree.truePath(above)) {
      missing.unshift(posix.basename(above));
      above = posix.dirname(above);
    }
    return make(tree, parent, missing, point.isFolder, recursive);
  });
}

function make(tree: Tree, parent: string, names: readonly string[], isFolder: boolean, recursive: boolean): Stub[] {
  const made: Stub[] = [];
  let folder = parent;
  for (const [index, name] of names.entries()) {
    const isLast = index === names.length - 1;
    const done = tree.exactly(folder, (fd) => keepingTimes(fd, () => makeOne(fd, name, !isLast || isFolder)));
    if (done !== true) break; // a link to nowhere: what becomes of it is the runtime's decision
    if (isLast || recursive) made.unshift({ parent: folder, name });
    folder = posix.join(folder, name);
  }
  return made;
}

function makeOne(folder: number, name: string, isFolder: boolean): boolean {
  try {
    if (isFolder) syscalls.mkdirat(folder, name, 0o755);
    else syscalls.close(syscalls.openat(folder, name, O.WRONLY | O.CREAT | O.EXCL | O.NOFOLLOW, 0o755));
    return true;
  } catch (error) {
    if (['EEXIST', 'ENOTDIR'].some((code) => hasCode(error, code))) return false;
    throw error;
  }
}

/** Takes away those that are still empty. The folder that they were in keeps its times; no link is followed on the way. */
export function removeStubs(tree: Tree, stubs: readonly Stub[]): void {
  for (const { parent, name } of stubs) tree.exactly(parent, (folder) => keepingTimes(folder, () => removeEmpty(folder, name)));
}

function removeEmpty(folder: number, name: string): boolean {
  try {
    const { mode, size } = syscalls.statx(folder, name, AT.SYMLINK_NOFOLLOW);
    const isFolder = (mode & S.IFMT) === S.IFDIR;
    if (!isFolder && size !== 0n) return false;
    syscalls.unlinkat(folder, name, isFolder ? AT.REMOVEDIR : 0);
    return true;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ENOTEMPTY'].some((code) => hasCode(error, code))) return false;
    throw error;
  }
}

/** Gives a folder its times back when `change` says that it did something. */
function keepingTimes(folder: number, change: () => boolean): boolean {
  const before: FileTimes = syscalls.statx(folder, '', AT.EMPTY_PATH);
  const changed = change();
  if (changed) syscalls.utimensat(AT.FDCWD, `/proc/self/fd/${folder}`, before, 0);
  return changed;
}
