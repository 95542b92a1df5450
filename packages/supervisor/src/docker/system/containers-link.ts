import { symlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { hasCode } from '@gantry/linux';

/**
 * Docker's clients look for a container's files in `<DockerRootDir>/containers/<id>`: a link leads there. Nothing is done where the supervisor's
 * own directory does not lie in the engine's root, or somebody has the name already.
 */
export function linkContainers(root: string, data: string): void {
  if (dirname(data) !== root) return;
  try {
    symlinkSync(join(basename(data), 'containers'), join(root, 'containers'));
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  }
}
