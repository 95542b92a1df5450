import { watch } from 'node:fs';
import { hasCode } from '@gantry/linux';
import { after } from '@gantry/rpc';

/** Something may have changed: whoever waits looks again. */
export class Change {
  private waiting: (() => void) | undefined;
  private told = false;

  tell(): void {
    this.told = true;
    this.waiting?.();
  }

  async wait(ms: number): Promise<void> {
    if (!this.told) {
      await new Promise<void>((resolve) => {
        const timer = after(ms, resolve);
        this.waiting = () => {
          timer.cancel();
          resolve();
        };
      });
    }
    this.told = false;
    this.waiting = undefined;
  }
}

/** Tells of every change in a folder; of nothing when the folder is gone, as that of a container which was removed just now. */
export function watchFolder(folder: string, tell: () => void): () => void {
  try {
    const watcher = watch(folder, tell);
    watcher.on('error', tell);
    return () => watcher.close();
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
    return () => undefined;
  }
}
