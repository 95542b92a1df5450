import { mkdirSync, rmdirSync, unlinkSync, writeFileSync } from 'node:fs';

/** Small files of a container's own directory, below the run root: a thread would be waited for longer than the call takes. */
export function makeFile(path: string, text: string): void {
  writeFileSync(path, text, { mode: 0o644 });
}

/** A directory with its parents. */
export function makeDirectory(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
}

/** What overlayfs leaves in its working directory when it was mounted volatile, and refuses every later mount for. What is not there is fine. */
export function removeVolatileMark(work: string): void {
  const mark = `${work}/work/incompat/volatile`;
  quietly(() => unlinkSync(`${mark}/dirty`));
  quietly(() => rmdirSync(mark));
  quietly(() => rmdirSync(`${work}/work/incompat`));
}

function quietly(work: () => void): void {
  try {
    work();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
