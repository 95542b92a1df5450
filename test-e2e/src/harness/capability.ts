import { execFileSync } from 'node:child_process';

/** `test`, or a skip that prints what this machine lacks. */
export function testWith(capability: string, present: boolean): jest.It {
  if (present) return test;
  process.stdout.write(`skip: ${capability} is missing\n`);
  return test.skip as unknown as jest.It;
}

/** A program on PATH (sbin folders included). */
export function hasProgram(name: string): boolean {
  try {
    execFileSync('sh', ['-c', `PATH=$PATH:/usr/sbin:/sbin command -v ${name}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
