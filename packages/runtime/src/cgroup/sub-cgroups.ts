import { existsSync } from 'node:fs';
import { posix } from 'node:path';
import { invalidArgument } from '@gantry/rpc/errors';
import type { CgroupDirectory, CgroupPlan } from './contract';

/** A container's cgroups with some of them moved below: PATH for all, or CONTROLLER[,CONTROLLER]:PATH. Must exist, never leads out. */
export function subCgroups(plan: CgroupPlan, wishes: readonly string[]): CgroupPlan {
  return wishes.reduce((result, wish) => ({ ...result, directories: moveBelow(result.directories, wish) }), plan);
}

function moveBelow(directories: readonly CgroupDirectory[], wish: string): CgroupDirectory[] {
  const at = wish.indexOf(':');
  const controllers = at < 0 ? undefined : wish.slice(0, at).split(',');
  const path = wish.slice(at + 1);
  if (!path || path.includes('\0') || path.split('/').includes('..')) throw invalidArgument(`bad sub cgroup path: "${wish}"`);
  for (const name of controllers ?? []) {
    if (!directories.some((d) => d.version === 1 && d.controllers.includes(name)))
      throw invalidArgument(`unknown controller "${name}" in --cgroup "${wish}"`);
  }
  return directories.map((directory) => {
    if (controllers && !(directory.version === 1 && controllers.some((name) => directory.controllers.includes(name)))) return directory;
    const below = posix.join(directory.directory, path);
    if (!existsSync(below)) throw invalidArgument(`error adding pid to cgroup ${below}: no such file or directory`);
    return { ...directory, directory: below };
  });
}
