import { closeSync, constants, fstatSync, lstatSync, openSync, readlinkSync, readSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { invalidArgument } from '@gantry/rpc';

/** The directories that make up a root file system, top first. */
export type Layers = readonly string[];

/** Bytes of a file that is read whole. */
export const MAX_FILE = 1024 * 1024;
const MAX_LINKS = 40;

/** One directory of the merged tree: its directory in every layer that has it, top first. Each was reached without a symbolic link. */
type Merged = readonly string[];
type Entry =
  { readonly kind: 'directory'; readonly merged: Merged } | { readonly kind: 'other'; readonly path: string; readonly stat: Stats };

/** One entry of a merged directory, as overlayfs sees it: a whiteout or an entry that is no directory hides what is below. */
function lookup(directory: Merged, name: string, isOpaque: IsOpaque): Entry | undefined {
  const merged: string[] = [];
  for (const parent of directory) {
    const path = join(parent, name);
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat === undefined) continue;
    if (!stat.isDirectory()) {
      if (merged.length > 0 || (stat.isCharacterDevice() && stat.rdev === 0)) break;
      return { kind: 'other', path, stat };
    }
    merged.push(path);
    if (isOpaque(path)) break;
  }
  return merged.length === 0 ? undefined : { kind: 'directory', merged };
}

/** Whether a layer's directory hides the same directory of the layers below it (trusted.overlay.opaque). */
export type IsOpaque = (directory: string) => boolean;

/**
 * Reads a small regular file of a root file system that is not mounted: walks its layers as overlayfs would, follows symbolic links
 * inside the root only, never opens anything but a regular file, and reads at most 1 MiB. Undefined when there is no such file.
 * Throws invalidArgument for a FIFO, a device, a directory or a file that is too large. No container may run on the layers meanwhile.
 */
export function readLayeredFile(layers: Layers, file: string, isOpaque: IsOpaque = () => false): Buffer | undefined {
  const rest = file.split('/');
  const stack: Merged[] = [layers];
  let links = 0;
  while (rest.length > 0) {
    const part = rest.shift() ?? '';
    if (part === '' || part === '.') continue;
    if (part === '..') {
      if (stack.length > 1) stack.pop();
      continue;
    }
    const found = lookup(stack.at(-1) ?? layers, part, isOpaque);
    if (found === undefined) return undefined;
    if (found.kind === 'directory') {
      stack.push(found.merged);
    } else if (found.stat.isSymbolicLink()) {
      if (++links > MAX_LINKS) throw invalidArgument(`too many symbolic links in ${file} of the image`);
      const target = readlinkSync(found.path);
      if (target.startsWith('/')) stack.length = 1;
      rest.unshift(...target.split('/'));
    } else {
      return rest.some((piece) => piece !== '' && piece !== '.') ? undefined : readBounded(found.path, file);
    }
  }
  throw invalidArgument(`${file} of the image is a directory`);
}

function readBounded(path: string, name: string): Buffer {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw invalidArgument(`${name} of the image is not a regular file`);
    if (stat.size > MAX_FILE) throw invalidArgument(`${name} of the image is larger than ${MAX_FILE} bytes`);
    const buffer = Buffer.alloc(stat.size);
    return buffer.subarray(0, readSync(fd, buffer, 0, buffer.length, 0));
  } finally {
    closeSync(fd);
  }
}
