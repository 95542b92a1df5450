/** Bytes of a frame's head: stream number, 3 zero bytes, length (big endian). */
const HEAD = 8;
/** Its number where it is not stdout's. */
export const STDERR = 2;

/** Takes the frames off a process's output, however they are cut: docker's, which a monitor puts around what is no terminal's. */
export class FrameReader {
  private head = Buffer.alloc(0);
  private left = 0;
  private stream = 0;

  /** What a chunk holds of each stream, in its order: all of it is to be taken before the next chunk is given. */
  *read(chunk: Buffer): Generator<{ readonly stream: number; readonly bytes: Buffer }, void> {
    for (let at = 0; at < chunk.length;) {
      if (this.left > 0) {
        const bytes = chunk.subarray(at, at + this.left);
        [at, this.left] = [at + bytes.length, this.left - bytes.length];
        yield { stream: this.stream, bytes };
        continue;
      }
      const more = chunk.subarray(at, at + HEAD - this.head.length);
      at += more.length;
      this.head = Buffer.concat([this.head, more]);
      if (this.head.length < HEAD) return;
      [this.stream, this.left] = [this.head[0] ?? 0, this.head.readUInt32BE(4)];
      this.head = Buffer.alloc(0);
    }
  }
}
