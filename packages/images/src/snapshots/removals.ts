import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import { after, type Logger, type Timer } from '@gantry/rpc';

export interface RemovalsOptions {
  /** Makes sure that the records' removal survives a power cut: only then may the directories go. */
  readonly flush: () => Promise<void>;
  /** Removes a tree, whatever its size, names and modes. */
  readonly removeTree: (path: string) => Promise<void>;
  readonly logger: Logger;
  /** Milliseconds that directories wait for others, so that one flush serves many. */
  readonly delayMs?: number;
}

/** Entries of a tree that is removed here; starting a program for it would hold the event loop up for longer. */
const SMALL = 64;

/**
 * The directories of snapshots whose records are gone: removed behind the callers, many at once, one after the other. The next start of the
 * service finishes what a crash leaves.
 */
export class Removals {
  private waiting: string[] = [];
  private timer: Timer | undefined;
  private running: Promise<void> = Promise.resolve();

  constructor(private readonly options: RemovalsOptions) {}

  add(path: string): void {
    this.waiting.push(path);
    this.timer ??= after(this.options.delayMs ?? 100, () => void this.settled(), { ref: false });
  }

  /** Resolves when everything that was added is gone, or was logged. */
  settled(): Promise<void> {
    this.timer?.cancel();
    this.timer = undefined;
    this.running = this.running.then(() => this.work(this.waiting.splice(0)));
    return this.running;
  }

  private async work(paths: readonly string[]): Promise<void> {
    if (paths.length === 0) return;
    const { flush, removeTree, logger } = this.options;
    try {
      await flush();
    } catch (error) {
      logger.warn({ err: error }, 'removed snapshots are not on the disk: their directories stay until the next start');
      return;
    }
    for (const path of paths) {
      try {
        if (!(await removeSmallTree(path))) await removeTree(path);
      } catch (error) {
        logger.warn({ path, err: error }, 'snapshot directory not removed');
      }
    }
  }
}

/** Removes a tree of few entries; false when it is larger, or will not go so: what is left is for a stronger hand. One that is gone is fine. */
export async function removeSmallTree(path: string, limit = SMALL): Promise<boolean> {
  let left = limit;
  const empty = async (directory: Buffer): Promise<boolean> => {
    const entries = await fs.readdir(directory, { withFileTypes: true, encoding: 'buffer' });
    left -= entries.length;
    if (left < 0) return false;
    for (const entry of entries) {
      const child = Buffer.concat([directory, SLASH, entry.name]);
      if (!entry.isDirectory()) await fs.unlink(child);
      else if (!(await empty(child))) return false;
    }
    await fs.rmdir(directory);
    return true;
  };
  try {
    return await empty(Buffer.from(join(path)));
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}

const SLASH = Buffer.from('/');
