import { existsSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * Volumes lie in `volumes` of the engine's data root, beside the services' own directories: docker's clients look for them there. A store that had them
 * inside its own directory gives them up; what is mounted in them moves along.
 */
export function volumesRoot(data: string): string {
  const root = join(dirname(data), 'volumes');
  const before = join(data, 'volumes');
  if (existsSync(before) && !existsSync(root)) renameSync(before, root);
  return root;
}
