import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { hasCode, layersOf, O, openMounts, RESOLVE, syscalls } from '@gantry/linux';
import { invalidArgument } from '@gantry/rpc';
import { MAX_FILE, readLayeredFile } from './layered-files';
import type { Mount } from './snapshotter';

/**
 * Small regular files of a tree that nobody writes to, one answer a path; undefined where there is no such file. Symbolic links are
 * followed inside the tree only, and nothing but a regular file is opened. One overlay or bind is walked where it lies, which is quick;
 * mounts of any other kind are looked at through the kernel. Throws invalidArgument for what is no small regular file.
 */
export function readTreeFiles(mounts: readonly Mount[], paths: readonly string[]): (Buffer | undefined)[] {
  const layers = directoriesOf(mounts);
  if (layers !== undefined) return paths.map((path) => readLayeredFile(layers, path, isOpaque));
  const root = openMounts(mounts);
  try {
    return paths.map((path) => readBelow(root, path));
  } finally {
    syscalls.close(root);
  }
}

function directoriesOf(mounts: readonly Mount[]): readonly string[] | undefined {
  const [mount] = mounts;
  if (mount === undefined || mounts.length > 1) return undefined;
  return mount.type === 'bind' ? [mount.source] : layersOf(mount);
}

const isOpaque = (directory: string): boolean => syscalls.lgetxattr(directory, 'trusted.overlay.opaque')?.toString('latin1') === 'y';

function readBelow(root: number, path: string): Buffer | undefined {
  const found = resolve(root, path);
  if (found === undefined) return undefined;
  try {
    const stat = fstatSync(found);
    if (stat.isDirectory()) throw invalidArgument(`${path} of the image is a directory`);
    if (!stat.isFile()) throw invalidArgument(`${path} of the image is not a regular file`);
    if (stat.size > MAX_FILE) throw invalidArgument(`${path} of the image is larger than ${MAX_FILE} bytes`);
    // What is pinned is a regular file: opening it can neither block nor wake a device.
    const fd = openSync(`/proc/self/fd/${found}`, 'r');
    try {
      const content = Buffer.alloc(stat.size);
      return content.subarray(0, readSync(fd, content, 0, content.length, 0));
    } finally {
      closeSync(fd);
    }
  } finally {
    syscalls.close(found);
  }
}

function resolve(root: number, path: string): number | undefined {
  try {
    return syscalls.openat2(root, path.replace(/^\/+/, '') || '.', {
      flags: O.PATH | O.CLOEXEC,
      resolve: RESOLVE.IN_ROOT | RESOLVE.NO_MAGICLINKS,
    });
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined;
    if (hasCode(error, 'ELOOP')) throw invalidArgument(`too many symbolic links in ${path} of the image`, { cause: error });
    throw error;
  }
}
