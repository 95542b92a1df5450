import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundles, pinnedNode } from './paths';

/**
 * Lays a command of ours down as an installation has it: a file of the given name that others can be told to run.
 * @returns its absolute path
 */
export function writeCommand(folder: string, name: string): string {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\nexec ${pinnedNode} ${join(bundles, `${name}.cjs`)} "$@"\n`);
  chmodSync(path, 0o755);
  return path;
}
