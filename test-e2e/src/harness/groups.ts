import { existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { until } from './command';

const ROOT = '/sys/fs/cgroup';

function trees(): string[] {
  return [
    ROOT,
    ...readdirSync(ROOT, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(ROOT, entry.name)),
  ];
}

/** A directory of a cgroup file system, not one that somebody made where none is mounted. */
const isGroup = (dir: string): boolean => existsSync(join(dir, 'cgroup.procs'));

/** Cgroups below `path` (as config.json names it) that exist in any hierarchy, outermost first. */
export function groupsBelow(path: string): string[] {
  const found: string[] = [];
  const walk = (dir: string): void => {
    if (!isGroup(dir)) return;
    found.push(dir);
    for (const entry of readdirSync(dir, { withFileTypes: true })) if (entry.isDirectory()) walk(join(dir, entry.name));
  };
  for (const tree of trees()) walk(join(tree, path));
  return found;
}

/**
 * Removes a parent that another engine made for our test and leaves behind, as soon as nothing runs in it: conmon and shims end behind the answer
 * to a removal. podman also writes below controllers that are not mounted, plain files in plain directories: those go too.
 */
export async function removeGroups(path: string): Promise<void> {
  for (const dir of groupsBelow(path).reverse()) await until(`${dir} to be empty`, () => isRemoved(dir), 30_000);
  for (const tree of trees()) {
    if (tree === ROOT || isGroup(tree) || !existsSync(join(tree, path))) continue;
    rmSync(join(tree, path), { recursive: true });
    if (readdirSync(tree).length === 0) rmdirSync(tree);
  }
}

/** False while something runs in it. */
function isRemoved(dir: string): boolean {
  try {
    rmdirSync(dir);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EBUSY') return false;
    throw error;
  }
}
