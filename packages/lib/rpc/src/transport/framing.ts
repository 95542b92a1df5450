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
  /** Bytes of the first part that were taken. */
  private at = 0;
  private waiting = 0;

  /** Every message that is whole now; stops at the first fault. */
  push(chunk: Buffer): { readonly messages: readonly Buffer[]; readonly fault?: FrameFault } {
    this.parts.push(chunk);
    this.waiting += chunk.length;
    const messages: Buffer[] = [];
    while (this.waiting >= HEAD) {
      const head = this.withBytes(HEAD);
      if (head[this.at] !== 0) return { messages, fault: 'compressed' };
      const length = head.readUInt32BE(this.at + 1);
      if (length > MAX_MESSAGE_BYTES) return { messages, fault: 'too large' };
      if (this.waiting < HEAD + length) break;
      const all = this.withBytes(HEAD + length);
      messages.push(all.subarray(this.at + HEAD, this.at + HEAD + length));
      this.took(HEAD + length);
    }
    return { messages };
  }

  /** Whether bytes of a message that is not whole are left. */
  get torn(): boolean {
    return this.waiting > 0;
  }

  /** The first part, which has at least so many bytes that were not taken. */
  private withBytes(count: number): Buffer {
    const [first] = this.parts;
    if (first !== undefined && first.length - this.at >= count) return first;
    const all = Buffer.concat(this.parts.map((part, n) => (n === 0 ? part.subarray(this.at) : part)));
    this.parts = [all];
    this.at = 0;
    return all;
  }

  private took(count: number): void {
    this.at += count;
    this.waiting -= count;
    if (this.at < (this.parts[0]?.length ?? 0)) return;
    this.parts.shift();
    this.at = 0;
  }
}
