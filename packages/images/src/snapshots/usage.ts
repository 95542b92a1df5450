import { lstat, opendir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Usage } from './snapshotter';

/** What a tree takes on disk: allocated blocks and inodes, a hard-linked file once. What vanishes while it is walked is not counted. */
export async function diskUsage(root: string): Promise<Usage> {
  let size = 0;
  let inodes = 0;
  const seen = new Set<string>();
  const pending = [root];
  const count = async (path: string): Promise<boolean> => {
    const stat = await lstat(path).catch(() => undefined);
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
  if (!(await count(root))) return { size, inodes };
  for (let dir = pending.pop(); dir !== undefined; dir = pending.pop()) {
    const entries = await opendir(dir).catch(() => undefined);
    if (entries === undefined) continue;
    for await (const entry of entries) {
      const path = join(dir, entry.name);
      if (await count(path)) pending.push(path);
    }
  }
  return { size, inodes };
}
