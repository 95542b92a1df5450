import { execFileSync } from 'node:child_process';

type Test = (name: string, body: () => Promise<void>, timeout?: number) => void;

/** `test`, or a skip that names what this machine lacks. */
export function testWith(capability: string, present: boolean): Test {
  return present ? test : (name, body, timeout) => test.skip(`${name} [needs ${capability}]`, body, timeout);
}

/** Whether the docker CLI here knows a flag of a command: Debian 12's and 13's are older than some that are tested. */
export function dockerTakes(flag: string, ...words: string[]): boolean {
  try {
    return execFileSync('docker', [...words, '--help'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).includes(` ${flag}`);
  } catch {
    return false;
  }
}

/** Removes named volumes, too: clients before API 1.42 need not say so. */
export const pruneVolumes = (): readonly string[] => ['volume', 'prune', dockerTakes('--all', 'volume', 'prune') ? '-af' : '-f'];

/** A program on PATH (sbin folders included). */
export function hasProgram(name: string): boolean {
  try {
    execFileSync('sh', ['-c', `PATH=$PATH:/usr/sbin:/sbin command -v ${name}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
