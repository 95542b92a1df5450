/** Message types of ttrpc (containerd/ttrpc, PROTOCOL.md). */
export const FrameType = { request: 1, response: 2, data: 3 } as const;

/** Flags: the sender says no more, the sender will say more, the message has no data. Only streams use the last two. */
export const FrameFlag = { remoteClosed: 1, remoteOpen: 2, noData: 4 } as const;

/** Largest message either way, in bytes; both sides of ttrpc have the same limit built in. */
export const TTRPC_MAX_MESSAGE_BYTES = 4 * 1024 * 1024;

const HEADER_BYTES = 10;

export interface Frame {
  readonly streamId: number;
  readonly type: number;
  readonly flags: number;
  readonly payload: Buffer;
  /** The length that the header told, when it was beyond the limit: the payload was thrown away. */
  readonly oversized?: number;
}

/** Length (big endian, 4 bytes, of the payload), stream id (big endian, 4 bytes), type, flags, payload. */
export function encodeFrame(streamId: number, type: number, payload: Uint8Array, flags = 0): Buffer {
  const frame = Buffer.allocUnsafe(HEADER_BYTES + payload.length);
  frame.writeUInt32BE(payload.length, 0);
  frame.writeUInt32BE(streamId, 4);
  frame.writeUInt8(type, 8);
  frame.writeUInt8(flags, 9);
  frame.set(payload, HEADER_BYTES);
  return frame;
}

/** Cuts a byte stream into frames, whatever its chunks. A frame beyond the limit is told with `oversized` and its bytes are skipped, never kept. */
export class FrameReader {
  private chunks: Buffer[] = [];
  private length = 0;
  private skip = 0;

  push(chunk: Buffer, take: (frame: Frame) => void): void {
    const skipped = Math.min(this.skip, chunk.length);
    this.skip -= skipped;
    if (skipped === chunk.length) return;
    this.chunks.push(skipped === 0 ? chunk : chunk.subarray(skipped));
    this.length += chunk.length - skipped;
    while (this.length >= HEADER_BYTES) {
      const header = this.peek(HEADER_BYTES);
      const size = header.readUInt32BE(0);
      const frame = { streamId: header.readUInt32BE(4), type: header.readUInt8(8), flags: header.readUInt8(9) };
      if (size > TTRPC_MAX_MESSAGE_BYTES) {
        this.drop(HEADER_BYTES);
        const now = Math.min(size, this.length);
        this.drop(now);
        this.skip = size - now;
        take({ ...frame, payload: Buffer.alloc(0), oversized: size });
        continue;
      }
      if (this.length < HEADER_BYTES + size) return;
      const payload = this.peek(HEADER_BYTES + size).subarray(HEADER_BYTES);
      this.drop(HEADER_BYTES + size);
      take({ ...frame, payload });
    }
  }

  /** The first `size` bytes as one buffer; joins chunks only when they must be. */
  private peek(size: number): Buffer {
    const [first] = this.chunks;
    if (first !== undefined && first.length >= size) return first.subarray(0, size);
    this.chunks = [Buffer.concat(this.chunks)];
    return (this.chunks[0] as Buffer).subarray(0, size);
  }

  private drop(size: number): void {
    this.length -= size;
    for (let left = size; left > 0;) {
      const first = this.chunks[0] as Buffer;
      if (first.length <= left) {
        this.chunks.shift();
        left -= first.length;
      } else {
        this.chunks[0] = first.subarray(left);
        left = 0;
      }
    }
  }
}
