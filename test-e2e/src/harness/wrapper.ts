import { chmodSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundles, nativeProgram, pinnedNode } from './paths';

/**
 * Lays a command of ours down as an installation has it: a file of the given name that others can be told to run.
 * @returns its absolute path
 */
export function writeCommand(folder: string, name: string): string {
  const path = join(folder, name);
  if (name === 'gantry-runc') {
    symlinkSync(nativeProgram, path);
    return path;
  }
  writeFileSync(path, `#!/bin/sh\nexec ${pinnedNode} ${join(bundles, `${name}.cjs`)} "$@"\n`);
  chmodSync(path, 0o755);
  return path;
}

/** Ends the planners that wait for further calls of gantry-runc, and waits until they are gone. */
export async function endPlanners(): Promise<void> {
  for (const pid of planners()) process.kill(pid, 'SIGTERM');
  while (planners().length > 0) await new Promise((resolve) => setTimeout(resolve, 20));
}

function planners(): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && wordsOf(pid)[1] === join(bundles, 'gantry-runc.cjs') && wordsOf(pid)[2] === '--planner');
}

function wordsOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return []; // it ended
  }
}
