import type { Readable } from 'node:stream';

/**
 * The messages of a grpc-js stream as an AsyncIterable with back-pressure. grpc-js emits 'error' without destroying the stream, so Node's own
 * iterator would miss an error that comes before the loop starts. Listens at once; may be iterated once.
 */
export function readMessages<T>(
  stream: Readable,
  options: { readonly failed: (error: unknown) => Error; readonly left: () => void },
): AsyncIterable<T> {
  let failure: Error | undefined;
  let ended = false;
  let wake = (): void => undefined;
  stream.on('readable', () => wake());
  stream.on('end', () => {
    ended = true;
    wake();
  });
  stream.on('error', (error: Error) => {
    failure ??= error;
    wake();
  });
  stream.on('cancelled', () => {
    failure ??= new Error('call cancelled');
    wake();
  });

  async function* iterate(): AsyncGenerator<T, void, undefined> {
    let done = false;
    try {
      for (;;) {
        const message = stream.read() as T | null;
        if (message !== null) {
          yield message;
        } else if (failure !== undefined) {
          done = true;
          throw options.failed(failure);
        } else if (ended) {
          done = true;
          return;
        } else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    } finally {
      if (!done) options.left();
    }
  }
  return iterate();
}
