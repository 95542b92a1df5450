import { lstat, opendir } from 'node:fs/promises';
import { join } from 'node:path';

/** Lengths of all that is no directory, as docker counts a volume: a hard-linked file once. What vanishes while it is walked is not counted. */
export async function bytesOf(root: string): Promise<number> {
  let total = 0;
  const seen = new Set<string>();
  const pending = [root];
  for (let dir = pending.pop(); dir !== undefined; dir = pending.pop()) {
    const entries = await opendir(dir).catch(() => undefined);
    if (entries === undefined) continue;
    for await (const entry of entries) {
      const path = join(dir, entry.name);
      const stat = await lstat(path).catch(() => undefined);
      if (stat === undefined) continue;
      if (stat.isDirectory()) {
        pending.push(path);
        continue;
      }
      const id = `${stat.dev}:${stat.ino}`;
      if (stat.nlink > 1 && seen.has(id)) continue;
      if (stat.nlink > 1) seen.add(id);
      total += stat.size;
    }
  }
  return total;
}
