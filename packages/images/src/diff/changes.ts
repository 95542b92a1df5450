import type { Change } from '@gantry/api/gantry/images/v1/images';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { OverlaySnapshotter } from '../snapshots/overlay';
import type { Scope } from '../store/namespaced';

const MODIFIED = 0;
const ADDED = 1;
const DELETED = 2;

/** What an active snapshot changed against its parent, by path, as `docker diff` shows it. Read off the upper directory. */
export async function listChanges(snapshotter: OverlaySnapshotter, scope: Scope, key: string): Promise<Change[]> {
  const record = snapshotter.stat(scope, key);
  const parent = record.parentName === '' ? undefined : snapshotter.stat(scope, record.parentName);
  const lower = parent === undefined ? [] : snapshotter.lowerDirectories(parent);
  const changes: Change[] = [];
  await walk(snapshotter.directory(record.id), lower, '', changes);
  return changes.sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function walk(upper: string, lower: readonly string[], path: string, changes: Change[]): Promise<void> {
  for (const entry of await readdir(join(upper, path), { withFileTypes: true })) {
    const name = `${path}/${entry.name}`;
    const stat = await lstat(join(upper, name)).catch(() => undefined);
    if (stat === undefined) continue; // the container removed it meanwhile
    if (stat.isCharacterDevice() && stat.rdev === 0) {
      changes.push({ path: name, kind: DELETED });
      continue;
    }
    changes.push({ path: name, kind: (await exists(lower, name)) ? MODIFIED : ADDED });
    if (stat.isDirectory()) await walk(upper, lower, name, changes);
  }
}

/** Whether a lower layer shows the name: the topmost that has it decides, and a file or whiteout above hides what is below it. */
async function exists(lower: readonly string[], name: string): Promise<boolean> {
  const parts = name.split('/').slice(1);
  for (const dir of lower) {
    let at = dir;
    for (const [index, part] of parts.entries()) {
      at = join(at, part);
      const stat = await lstat(at).catch(() => undefined);
      if (stat === undefined) break;
      if (stat.isCharacterDevice() && stat.rdev === 0) return false;
      if (index === parts.length - 1) return true;
      if (!stat.isDirectory()) return false;
    }
  }
  return false;
}
