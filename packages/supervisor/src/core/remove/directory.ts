import { lstatSync, promises as fs, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Core } from '../core';
import { containerDir } from '../places';

/** What is removed at once: some small files. Freeing the blocks of a large log takes the time of a thread. */
const FEW = 16;
const SMALL = 1 << 20;

/** Takes a container's own directory away. */
export async function removeDirectory(core: Pick<Core, 'settings'>, id: string): Promise<void> {
  const directory = containerDir(core, id);
  if (isSmall(directory)) rmSync(directory, { recursive: true, force: true });
  else await fs.rm(directory, { recursive: true, force: true });
}

function isSmall(directory: string): boolean {
  try {
    const entries = readdirSync(directory, { withFileTypes: true });
    if (entries.length > FEW || !entries.every((entry) => entry.isFile())) return false;
    return entries.reduce((bytes, { name }) => bytes + lstatSync(join(directory, name)).size, 0) <= SMALL;
  } catch {
    return false;
  }
}
