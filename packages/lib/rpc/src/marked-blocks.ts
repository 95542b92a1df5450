/** A part of a stream that is sent whole, and where its sender goes on behind it: who is cut off can ask for what follows. */
export interface MarkedBlock {
  /** The sender's own word; empty where it cannot go on. */
  readonly mark: Buffer;
  readonly pieces: readonly Buffer[];
}

/** Lengths of the mark and of the bytes. */
const LENGTHS = 8;

/** What stands before a block of so many bytes. */
export function blockHead(mark: Uint8Array, length: number): Buffer {
  const head = Buffer.alloc(LENGTHS + mark.length);
  head.writeUInt32BE(mark.length, 0);
  head.writeUInt32BE(length, 4);
  head.set(mark, LENGTHS);
  return head;
}

/** The blocks of a stream, each as soon as all of it is there; one that is cut off does not come. */
export async function* markedBlocks(stream: AsyncIterable<Buffer>): AsyncGenerator<MarkedBlock> {
  const arrived = new Arrived();
  let lengths: readonly [mark: number, bytes: number] | undefined;
  for await (const piece of stream) {
    arrived.add(piece);
    for (;;) {
      if (lengths === undefined) {
        if (arrived.length < LENGTHS) break;
        const head = Buffer.concat(arrived.take(LENGTHS));
        lengths = [head.readUInt32BE(0), head.readUInt32BE(4)];
      }
      const [mark, bytes] = lengths;
      if (arrived.length < mark + bytes) break;
      lengths = undefined;
      yield { mark: Buffer.concat(arrived.take(mark)), pieces: arrived.take(bytes) };
    }
  }
}

/** Bytes as they came, which nobody has to copy together. */
class Arrived {
  private readonly pieces: Buffer[] = [];
  length = 0;

  add(piece: Buffer): void {
    this.pieces.push(piece);
    this.length += piece.length;
  }

  take(length: number): Buffer[] {
    const taken: Buffer[] = [];
    this.length -= length;
    for (let missing = length; missing > 0;) {
      const [piece] = this.pieces.splice(0, 1);
      if (piece === undefined) break;
      if (piece.length > missing) this.pieces.unshift(piece.subarray(missing));
      taken.push(piece.subarray(0, missing));
      missing -= Math.min(missing, piece.length);
    }
    return taken;
  }
}
