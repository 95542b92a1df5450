import { MAX_MESSAGE_BYTES } from '../message-limit';

const HEAD = 5;

/** One message as gRPC writes it: a zero (not compressed), four bytes of length, big endian, the bytes (gRPC over HTTP2, "Length-Prefixed-Message"). */
export function frameOf(message: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(HEAD + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  message.copy(frame, HEAD);
  return frame;
}

/** Why a stream of frames cannot be read on. */
export type FrameFault = 'compressed' | 'too large';

/** Cuts bytes, as they come, into messages. */
export class FrameReader {
  private parts: Buffer[] = [];
  private waiting = 0;

  /** Every message that is whole now; stops at the first fault. */
  push(chunk: Buffer): { readonly messages: readonly Buffer[]; readonly fault?: FrameFault } {
    this.parts.push(chunk);
    this.waiting += chunk.length;
    const messages: Buffer[] = [];
    while (this.waiting >= HEAD) {
      const head = this.peek();
      if (head[0] !== 0) return { messages, fault: 'compressed' };
      const length = head.readUInt32BE(1);
      if (length > MAX_MESSAGE_BYTES) return { messages, fault: 'too large' };
      if (this.waiting < HEAD + length) break;
      messages.push(this.take(HEAD + length).subarray(HEAD));
    }
    return { messages };
  }

  /** Whether bytes of a message that is not whole are left. */
  get torn(): boolean {
    return this.waiting > 0;
  }

  private peek(): Buffer {
    const [first] = this.parts;
    if (first !== undefined && first.length >= HEAD) return first;
    return this.joined();
  }

  private take(count: number): Buffer {
    const all = this.joined();
    this.parts = all.length > count ? [all.subarray(count)] : [];
    this.waiting -= count;
    return all.subarray(0, count);
  }

  private joined(): Buffer {
    if (this.parts.length > 1) this.parts = [Buffer.concat(this.parts, this.waiting)];
    return this.parts[0] ?? Buffer.alloc(0);
  }
}
