import type { Change } from '@gantry/api/gantry/images/v1/images';
import { lstat, mkdtemp, readdir, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withMounts } from '@gantry/linux';
import type { RecordedSnapshotter } from '../snapshots/recorded';
import type { Mount } from '../snapshots/snapshotter';
import type { Trees } from '../snapshots/trees';
import type { Scope } from '../store/namespaced';
import type { MountedTrees } from './mounted-trees';

const MODIFIED = 0;
const ADDED = 1;
const DELETED = 2;

/** What a snapshot lies on, for as long as fn runs; no mounts where it has no parent. */
export async function withBelow<T>(
  snapshotter: RecordedSnapshotter,
  scope: Scope,
  key: string,
  fn: (mounts: readonly Mount[]) => Promise<T>,
): Promise<T> {
  const { parentName } = snapshotter.stat(scope, key);
  return parentName === '' ? fn([]) : snapshotter.withParent(snapshotter.stat(scope, parentName), fn);
}

/** What an active snapshot changed against its parent, by path, as `docker diff` shows it: read off overlayfs' upper directory, else by comparing. */
export async function listChanges(
  deps: { readonly snapshotter: RecordedSnapshotter; readonly trees: MountedTrees; readonly compared: Trees },
  scope: Scope,
  key: string,
): Promise<Change[]> {
  const tree = deps.trees.behind(await deps.snapshotter.mounts(scope, key));
  const changes: Change[] = [];
  if (tree.kind === 'layers') await walk(tree.upper ?? '', tree.lower, '', changes);
  else changes.push(...(await withBelow(deps.snapshotter, scope, key, (below) => compare(deps.compared, below, tree.mounts))));
  return changes.sort((a, b) => (a.path < b.path ? -1 : 1));
}

const kinds = { added: ADDED, deleted: DELETED, modified: MODIFIED };

async function compare(compared: Trees, below: readonly Mount[], top: readonly Mount[]): Promise<Change[]> {
  const against = (left: string): Promise<Awaited<ReturnType<Trees['compare']>>> =>
    withMounts(top, (right) => compared.compare(left, right, { content: false }));
  const found = await (below.length === 0 ? withEmpty(against) : withMounts(below, against));
  return found
    .filter(({ path }) => path !== '/')
    .map(({ path, kind }) => ({ path: Buffer.from(path, 'latin1').toString(), kind: kinds[kind] }));
}

async function withEmpty<T>(fn: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'gantry-empty-'));
  return fn(directory).finally(() => rmdir(directory));
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
