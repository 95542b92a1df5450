import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { hasCode } from '@gantry/linux';
import type { LogTarget } from '../drivers/driver';

const targetPath = (log: string): string => `${log}.target`;

/** Where a container's lines go, settled at its start: a new process finds it again beside the log. */
export async function writeTarget(log: string, target: LogTarget): Promise<void> {
  await mkdir(dirname(log), { recursive: true, mode: 0o700 });
  await writeFile(`${targetPath(log)}.new`, JSON.stringify(target), { mode: 0o600 });
  await rename(`${targetPath(log)}.new`, targetPath(log));
}

export async function readTarget(log: string): Promise<LogTarget | undefined> {
  try {
    return JSON.parse(await readFile(targetPath(log), 'utf8')) as LogTarget;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

export async function removeTarget(log: string): Promise<void> {
  await rm(targetPath(log), { force: true });
}
