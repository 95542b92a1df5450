import { Writable } from 'node:stream';
import { isAny, packAny, unpackAny } from '@gantry/api';
import { Data, WindowUpdate } from '@gantry/api/containerd/types/transfer/transfer';
import { cancelled, invalidArgument } from '@gantry/rpc';
import type { Stream } from './streams';

/** Bytes of one message, and how many the reader lets the writer be ahead; containerd's own numbers are half and the same multiple. */
const MESSAGE = 64 << 10;
const WINDOW = 4 * MESSAGE;

/** Bytes that a client sends: it may send as many as the windows that it was given. Ends when the client ends the stream. */
export async function* receiveBytes(stream: Stream): AsyncGenerator<Buffer> {
  let window = 0;
  for (;;) {
    if (window < WINDOW) {
      await stream.send(packAny(WindowUpdate, { update: WINDOW }));
      window += WINDOW;
    }
    const message = await stream.receive();
    if (message === undefined) return;
    const data = unpackAny(message, Data)?.data;
    if (data === undefined) throw invalidArgument(`${message.typeUrl} is not data`);
    if (data.length > window) throw invalidArgument(`client sent ${data.length} bytes, its window is ${window}`);
    window -= data.length;
    yield Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  }
}

/** Bytes to a client, no more than the windows that it gives. Ending it ends the stream. */
export function sendBytes(stream: Stream): Writable {
  let window = 0;
  return new Writable({
    highWaterMark: WINDOW,
    write(chunk: Buffer, _encoding, done) {
      const send = async (): Promise<void> => {
        for (let at = 0; at < chunk.length;) {
          while (window <= 0) {
            const message = await stream.receive();
            if (message === undefined) throw cancelled('client stopped reading the archive');
            if (!isAny(message, WindowUpdate)) throw invalidArgument(`${message.typeUrl} is not a window update`);
            window += unpackAny(message, WindowUpdate)?.update ?? 0;
          }
          const part = chunk.subarray(at, at + Math.min(MESSAGE, window));
          await stream.send(packAny(Data, { data: part }));
          at += part.length;
          window -= part.length;
        }
      };
      send().then(() => done(), done);
    },
    final(done) {
      stream.close();
      done();
    },
  });
}
