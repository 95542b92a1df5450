import { Transform, type TransformCallback } from 'node:stream';

/** Output of a process as docker frames it without a terminal: stream number (1 stdout, 2 stderr), 3 zero bytes, length (big endian). */
export function frame(stream: 1 | 2, payload: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
}

/** Takes the frames off and lets both streams' bytes through in their order, for clients that know one stream only. */
export class Deframer extends Transform {
  private header = Buffer.alloc(0);
  private left = 0;

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.left === 0) {
        const wanted = 8 - this.header.length;
        this.header = Buffer.concat([this.header, chunk.subarray(at, at + wanted)]);
        at += wanted;
        if (this.header.length < 8) break;
        this.left = this.header.readUInt32BE(4);
        this.header = Buffer.alloc(0);
        continue;
      }
      const part = chunk.subarray(at, at + this.left);
      this.left -= part.length;
      at += part.length;
      this.push(part);
    }
    done();
  }
}

/** Puts a terminal's bytes into frames of stdout, for clients that asked for frames all the same. */
export class Framer extends Transform {
  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    done(null, frame(1, chunk));
  }
}
