import type { TreeMount } from './mount';

/** A request of mode `tree` of the C program, field by field (packages/native/tree/request.h). */
export class TreeRequest {
  private readonly parts: Buffer[] = [];

  /**
   * P: a plan of operations; D: a checksum; C: one out of the list that a tree was made by; R: the bytes of one file; S: layers laid over one another; U: an archive laid
   * out; G: what a pattern means; L: a small layer as an archive; T: a layer's file laid out.
   */
  constructor(readonly letter: 'P' | 'D' | 'C' | 'R' | 'S' | 'U' | 'G' | 'L' | 'T') {}

  number(value: number | bigint | boolean): this {
    const bytes = Buffer.allocUnsafe(8);
    bytes.writeBigInt64LE(BigInt(value));
    this.parts.push(bytes);
    return this;
  }

  /** A text holds no zero byte, unless it is bytes. */
  text(value: string | Uint8Array): this {
    const bytes = typeof value === 'string' ? Buffer.from(value) : Buffer.from(value);
    this.number(bytes.length);
    this.parts.push(bytes, ZERO);
    return this;
  }

  texts(values: readonly string[]): this {
    this.number(values.length);
    for (const value of values) this.text(value);
    return this;
  }

  mounts(mounts: readonly TreeMount[]): this {
    this.number(mounts.length);
    for (const { type, source, options } of mounts) this.text(type).text(source).texts(options);
    return this;
  }

  /** The frame: length, letter, fields. */
  bytes(): Buffer {
    const body = Buffer.concat([Buffer.from(this.letter), ...this.parts]);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(body.length);
    return Buffer.concat([length, body]);
  }
}

const ZERO = Buffer.alloc(1);
