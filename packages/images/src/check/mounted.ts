import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Text of the mount tables of every mount namespace that a process of this host is in. */
export function mountTables(): string {
  const seen = new Set<string>();
  const tables: string[] = [];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const namespace = readlinkSync(`/proc/${pid}/ns/mnt`);
      if (seen.has(namespace)) continue;
      seen.add(namespace);
      tables.push(readFileSync(`/proc/${pid}/mountinfo`, 'utf8'));
    } catch {
      continue; // it ended meanwhile
    }
  }
  return tables.join('\n');
}

/** Whether a directory is the source or the upper directory of any mount. */
export function isMounted(tables: string, directory: string): boolean {
  const escaped = directory.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`(upperdir=|workdir=|lowerdir=|:| )${escaped}([,: /]|$)`, 'm').test(tables);
}
