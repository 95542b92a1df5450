// A package of ours that came with a pull is found without another npm ci: what npm would link is linked.
import { existsSync, globSync, lstatSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** Links the workspaces that node_modules lacks. */
export function linkWorkspaces(root) {
  const modules = join(root, 'node_modules');
  if (!existsSync(modules)) return;
  const { workspaces } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  for (const manifest of workspaces.flatMap((pattern) => globSync(`${pattern}/package.json`, { cwd: root }))) {
    const { name } = JSON.parse(readFileSync(join(root, manifest), 'utf8'));
    const link = join(modules, name);
    if (lstatSync(link, { throwIfNoEntry: false }) !== undefined) continue;
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(relative(dirname(link), join(root, dirname(manifest))), link);
  }
}
