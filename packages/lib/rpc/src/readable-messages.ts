import type { Readable } from 'node:stream';
import { messageLoop } from './message-loop';

/**
 * The messages of a gRPC stream as an AsyncIterable with back-pressure. grpc-js emits 'error' without destroying the stream, so Node's own
 * iterator would miss an error that comes before the loop starts. Listens at once; may be iterated once.
 */
export function readMessages<T>(
  stream: Readable,
  options: { readonly failed: (error: unknown) => Error; readonly left: () => void },
): AsyncIterable<T> {
  let failure: Error | undefined;
  let ended = false;
  const loop = messageLoop<T>({
    take: () => (stream.read() as T | null) ?? undefined,
    over: () => (failure !== undefined ? options.failed(failure) : ended ? true : undefined),
    left: options.left,
  });
  const fail = (error: Error): void => {
    failure ??= error;
    loop.wake();
  };
  stream.on('readable', loop.wake);
  stream.on('end', () => {
    ended = true;
    loop.wake();
  });
  stream.on('error', fail);
  stream.on('cancelled', () => fail(new Error('call cancelled')));
  return loop.messages;
}
