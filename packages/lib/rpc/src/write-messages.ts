import type { Writable } from 'node:stream';
import type { Send } from './service-shape';

/** A `send` for a stream: one message, then wait while the stream is full. Rejects with the signal's reason once the call is over. */
export function sender<T>(stream: Writable, signal: AbortSignal): Send<T> {
  return async (message) => {
    signal.throwIfAborted();
    if (stream.write(message)) return;
    await new Promise<void>((resolve, reject) => {
      const settle = (outcome: () => void) => (): void => {
        stream.off('drain', drained);
        signal.removeEventListener('abort', left);
        outcome();
      };
      const drained = settle(resolve);
      const left = settle(() => reject(signal.reason as Error));
      stream.on('drain', drained);
      signal.addEventListener('abort', left);
    });
  };
}
