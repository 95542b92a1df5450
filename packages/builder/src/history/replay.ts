import { StatusResponse } from '@gantry/api/moby/buildkit/v1/control';
import { dataLoss } from '@gantry/rpc';

/** Bytes of one message at most: more than any build writes at once. */
const MOST_BYTES = 64 << 20;

/** What a build told, out of its record: each message stands behind its length. */
export async function* replay(chunks: AsyncIterable<Buffer>): AsyncGenerator<StatusResponse> {
  let held: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    let at = 0;
    while (held.length - at >= 4) {
      const size = held.readUInt32LE(at);
      if (size > MOST_BYTES) throw dataLoss(`a message of ${size} bytes in the log of a build`);
      if (held.length - at - 4 < size) break;
      yield StatusResponse.decode(held.subarray(at + 4, at + 4 + size));
      at += 4 + size;
    }
    held = held.subarray(at);
  }
  if (held.length > 0) throw dataLoss('the log of a build is cut short');
}
