import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { nativeBinary } from './container';

const repository = join(__dirname, '../../../..');

/** gantry-runc as it is installed: the C program, the bundle and its Node in one tree. */
export interface Command {
  /** Absolute path. */
  readonly path: string;
  /** The planners that wait for its calls, or are in one. */
  readonly planners: () => number[];
  /** Ends that planner, and waits until it is gone. */
  readonly end: () => Promise<void>;
}

export function layOutCommand(folder: string): Command {
  const script = join(folder, 'gantry-runc.cjs');
  for (const name of ['bin', 'libexec']) mkdirSync(join(folder, name), { recursive: true });
  execFileSync(join(repository, 'node_modules/esbuild/bin/esbuild'), [
    join(repository, 'packages/runtime/src/cli/main.ts'),
    '--bundle',
    '--platform=node',
    '--external:koffi',
    `--outfile=${script}`,
    '--log-level=error',
  ]);
  copyFileSync(process.execPath, join(folder, 'bin/node'));
  copyFileSync(nativeBinary, join(folder, 'libexec/gantry-native'));
  symlinkSync('gantry-native', join(folder, 'libexec/gantry-runc'));
  const planners = () => processesOf(script);
  return {
    path: join(folder, 'libexec/gantry-runc'),
    planners,
    end: async () => {
      for (const pid of processesOf(script)) process.kill(pid, 'SIGTERM');
      while (processesOf(script).length > 0) await new Promise((resolve) => setTimeout(resolve, 10));
    },
  };
}

function processesOf(script: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => wordsOf(pid)[1] === script && wordsOf(pid)[2] === '--planner' && existsSync(`/proc/${pid}/exe`));
}

function wordsOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return []; // it ended
  }
}
