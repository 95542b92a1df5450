import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { hasCode } from '@gantry/linux';
import type { LogTarget } from '../drivers/driver';

// Every start asks for this small file, most in vain: what a thread is asked for takes longer than the file.

const targetPath = (log: string): string => `${log}.target`;

/** Where a container's lines go, settled at its start: a new process finds it again beside the log. */
export function writeTarget(log: string, target: LogTarget): void {
  mkdirSync(dirname(log), { recursive: true, mode: 0o700 });
  writeFileSync(`${targetPath(log)}.new`, JSON.stringify(target), { mode: 0o600 });
  renameSync(`${targetPath(log)}.new`, targetPath(log));
}

export function readTarget(log: string): LogTarget | undefined {
  try {
    return JSON.parse(readFileSync(targetPath(log), 'utf8')) as LogTarget;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

export function removeTarget(log: string): void {
  rmSync(targetPath(log), { force: true });
}
