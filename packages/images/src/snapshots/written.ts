import { constants, type Dirent } from 'node:fs';
import { lstat, open, readdir } from 'node:fs/promises';
import type { Mount } from './snapshotter';

/** The directory that takes what is written into a snapshot; undefined where there is none that can be walked. */
function writtenDirectory(mounts: readonly Mount[]): string | undefined {
  const [mount] = mounts;
  if (mount === undefined || mounts.length > 1) return undefined;
  return mount.type === 'bind' ? mount.source : mount.options.find((text) => text.startsWith('upperdir='))?.slice('upperdir='.length);
}

/**
 * Bytes written into a snapshot as docker counts them: lengths of all that is no directory, a hard-linked file once, blocks and
 * directories not. Undefined for mounts that keep it where it cannot be walked.
 */
export async function writtenBytes(mounts: readonly Mount[]): Promise<number | undefined> {
  const directory = writtenDirectory(mounts);
  return directory === undefined ? undefined : bytesBelow(directory, new Set());
}

/** A container may change the tree meanwhile: each directory is held by a descriptor and a symbolic link is never followed. */
async function bytesBelow(path: string, seen: Set<string>): Promise<number> {
  const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW).catch(() => undefined);
  if (directory === undefined) return 0;
  try {
    const here = `/proc/self/fd/${directory.fd}`;
    let total = 0;
    for (const entry of await readdir(here, { withFileTypes: true }).catch((): Dirent[] => [])) {
      total += entry.isDirectory() ? await bytesBelow(`${here}/${entry.name}`, seen) : await lengthOf(`${here}/${entry.name}`, seen);
    }
    return total;
  } finally {
    await directory.close();
  }
}

async function lengthOf(path: string, seen: Set<string>): Promise<number> {
  const stat = await lstat(path).catch(() => undefined);
  if (stat === undefined || seen.has(`${stat.dev}:${stat.ino}`)) return 0;
  if (stat.nlink > 1) seen.add(`${stat.dev}:${stat.ino}`);
  return stat.size;
}
