import type { Writable } from 'node:stream';

/**
 * Resolves when a stream whose write said "full" takes more, and also when it is closed: whoever writes next learns why. Rejects with the stream's error. Leaves no
 * listener behind, however often a slow reader is waited for (a race of two `once` leaves the one that lost).
 */
export function drained(stream: Writable): Promise<void> {
  return new Promise((resolve, reject) => {
    if (stream.destroyed || !stream.writableNeedDrain) return resolve();
    const off = (): void => void stream.off('drain', done).off('close', done).off('error', failed);
    const done = (): void => {
      off();
      resolve();
    };
    const failed = (error: Error): void => {
      off();
      reject(error);
    };
    stream.on('drain', done).on('close', done).on('error', failed);
  });
}
