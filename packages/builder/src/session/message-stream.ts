import { Duplex } from 'node:stream';
import type { BytesMessage } from '@gantry/api/moby/buildkit/v1/control';
import { asGantryError, type Send } from '@gantry/rpc';

/** A message is held by gRPC as a whole on both sides. */
const PIECE = 256 * 1024;

/** The byte stream that two streams of BytesMessage are: a connection inside a gRPC call. Ends with the requests. */
export function messageStream(requests: AsyncIterable<BytesMessage>, send: Send<BytesMessage>): Duplex {
  const incoming = requests[Symbol.asyncIterator]();
  let reading = false;
  const stream = new Duplex({
    allowHalfOpen: false,
    read() {
      if (reading) return;
      reading = true;
      void pull().finally(() => (reading = false));
    },
    write(chunk: Buffer, _encoding, done) {
      sendAll(send, chunk).then(() => done(), done);
    },
    destroy(error, done) {
      void Promise.resolve(incoming.return?.()).then(
        () => done(error),
        () => done(error),
      );
    },
  });
  const pull = async (): Promise<void> => {
    try {
      for (let room = true; room;) {
        const step = await incoming.next();
        if (stream.destroyed) return;
        room = step.done === true ? stream.push(null) : step.value.data.length === 0 || stream.push(step.value.data);
        if (step.done === true) return;
      }
    } catch (error) {
      stream.destroy(asGantryError(error));
    }
  };
  return stream;
}

async function sendAll(send: Send<BytesMessage>, chunk: Buffer): Promise<void> {
  for (let at = 0; at < chunk.length; at += PIECE) await send({ data: chunk.subarray(at, at + PIECE) });
}
