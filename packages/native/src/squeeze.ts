import { type ChildProcess, spawn } from 'node:child_process';
import type { Writable } from 'node:stream';
import { treeOutcome } from './tree-outcome';

/** What a blob is that the program wrote. */
export interface WrittenBlob {
  readonly digest: string;
  readonly size: number;
  /** Digest of what was compressed. */
  readonly diffId: string;
}

export interface Squeezing {
  /** Takes the bytes, unless they come from a descriptor. */
  readonly input: Writable | undefined;
  /** Settles when the program ended. */
  readonly done: Promise<WrittenBlob>;
  kill(): void;
}

/** gzip's levels by their usual numbers: -1 is 6. */
export const gzipLevel = (level: number | undefined): number => (level === undefined || level < 0 ? 6 : level);

/**
 * gzip by the program, on all processors: the same bytes and level are the same bytes again. from: an open descriptor that is read to its end, which may be
 * closed afterwards. to: one that the outcome is written to, likewise. skip: bytes of the outcome that are left out; digest and size are those of all of it.
 */
export function squeeze(
  program: string,
  { level, skip = 0, from, to }: { readonly level: number; readonly skip?: number; readonly from?: number; readonly to: number },
): Squeezing {
  const args = ['squeeze', '--level', String(level), ...(skip > 0 ? ['--skip', String(skip)] : [])];
  const child: ChildProcess = spawn(program, args, { stdio: [from ?? 'pipe', 'pipe', 'pipe', to], env: {} });
  child.stdin?.on('error', () => undefined); // the exit status says more than EPIPE
  const done = treeOutcome(child).then((text) => JSON.parse(text) as WrittenBlob);
  done.catch(() => undefined);
  return { input: child.stdin ?? undefined, done, kill: () => child.kill('SIGKILL') };
}
