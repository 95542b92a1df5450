import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { programDirectories } from '@gantry/service';
import { hasCode } from '@gantry/linux';
import { errorText } from '@gantry/rpc';
import { unknown } from '../failures';

/** criu 3.16: the first that knows of pods. Written as criu counts, and as containerd's CRI tells it. */
const NEEDED = 31600;

const run = promisify(execFile);

/** Errors: unknown, where there is no criu on the PATH or it is too old. Asked each time: it may be installed while we run. */
export async function insistOnCriu(containerId: string): Promise<void> {
  const refusal = `CRIU binary not found or too old (<${NEEDED}). Failed to checkpoint container "${containerId}"`;
  const text = await version().catch((error: unknown) => {
    throw unknown(`${refusal}: ${errorText(error)}`, { cause: error });
  });
  const found = numberOf(text);
  if (found < NEEDED) throw unknown(`${refusal}: version ${found} of "${text.trim()}"`);
}

/** 0: the text tells no version. */
export function numberOf(text: string): number {
  const [, major = 0, minor = 0, patch = 0] = /^Version: (\d+)\.(\d+)(?:\.(\d+))?/m.exec(text) ?? [];
  return Number(major) * 10_000 + Number(minor) * 100 + Number(patch);
}

async function version(): Promise<string> {
  for (const directory of programDirectories())
    try {
      return (await run(join(directory, 'criu'), ['--version'], { timeout: 10_000 })).stdout;
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) throw error;
    }
  throw new Error('exec: "criu": executable file not found in $PATH');
}
