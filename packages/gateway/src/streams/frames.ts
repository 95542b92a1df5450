import { Transform, type TransformCallback } from 'node:stream';
import { FrameReader } from '@gantry/rpc/monitor';

/** Output of a process as docker frames it without a terminal: stream number (1 stdout, 2 stderr), 3 zero bytes, length (big endian). */
export function frame(stream: 1 | 2, payload: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
}

/** Takes the frames off and lets both streams' bytes through in their order, for clients that know one stream only. */
export class Deframer extends Transform {
  private readonly frames = new FrameReader();

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    for (const { bytes } of this.frames.read(chunk)) this.push(bytes);
    done();
  }
}

/** Puts a terminal's bytes into frames of stdout, for clients that asked for frames all the same. */
export class Framer extends Transform {
  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    done(null, frame(1, chunk));
  }
}
