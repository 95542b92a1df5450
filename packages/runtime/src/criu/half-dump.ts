import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { hasCode } from '@gantry/linux';

/** Names in a directory; undefined: there is none. */
export function present(directory: string): ReadonlySet<string> | undefined {
  try {
    return new Set(readdirSync(directory));
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

/** Removes from a directory what was not there before, or all of it where it was not there. */
export function removeAllBut(directory: string, before: ReadonlySet<string> | undefined): void {
  if (before === undefined) return rmSync(directory, { recursive: true, force: true });
  for (const name of present(directory) ?? []) if (!before.has(name)) rmSync(join(directory, name), { recursive: true, force: true });
}
