import { lstatSync, opendirSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import type { Usage } from './snapshotter';
import type { Trees } from './trees';

/** Entries of a tree that is measured here: a system call for each costs less than starting a program, up to about this many, and far less than waiting for a thread. */
const SMALL = 200;

/** What a tree takes on disk, as `Trees.usage` counts it: small ones, which most layers are, without a program. */
export async function diskUsage(root: string, large: Pick<Trees, 'usage'>): Promise<Usage> {
  let size = 0;
  let inodes = 0;
  let left = SMALL;
  const seen = new Set<string>();
  const count = (path: string): boolean => {
    const stat = given((): Stats => lstatSync(path));
    if (stat === undefined) return false;
    const id = `${stat.dev}:${stat.ino}`;
    if (stat.nlink > 1 && !stat.isDirectory()) {
      if (seen.has(id)) return false;
      seen.add(id);
    }
    size += stat.blocks * 512;
    inodes++;
    return stat.isDirectory();
  };
  const pending = count(root) ? [root] : [];
  for (let dir = pending.pop(); dir !== undefined; dir = pending.pop()) {
    const names = namesIn(dir, left);
    left -= names.length;
    if (left < 0) return large.usage(root);
    for (const name of names) {
      const path = join(dir, name);
      if (count(path)) pending.push(path);
    }
  }
  return { size, inodes };
}

/** One name more than there is room for at most; none where the directory has vanished. */
function namesIn(path: string, room: number): string[] {
  const names: string[] = [];
  const directory = given(() => opendirSync(path));
  if (directory === undefined) return names;
  try {
    for (let entry = directory.readSync(); entry !== null && names.length <= room; entry = directory.readSync()) names.push(entry.name);
    return names;
  } finally {
    directory.closeSync();
  }
}

/** What vanishes while it is looked at is not counted. */
function given<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
