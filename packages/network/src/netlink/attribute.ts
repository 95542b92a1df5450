/**
 * Netlink attributes (struct nlattr, netlink(7)): a 4-byte header (length with header, type), the payload, padding to 4.
 * Builders return ready bytes; numbers are in host order (little endian on every supported machine) unless named `be`.
 */

const HEADER = 4;
const MAX_ATTRIBUTE = 0xffff;
const NESTED = 0x8000;
const TYPE_MASK = 0x3fff;

const align = (length: number): number => (length + 3) & ~3;

/** One attribute with raw payload. Throws a RangeError when the payload does not fit the 16-bit length. */
export function raw(type: number, payload: Uint8Array): Buffer {
  const length = HEADER + payload.length;
  if (length > MAX_ATTRIBUTE) throw new RangeError(`netlink attribute ${type} of ${payload.length} bytes is too long`);
  const out = Buffer.alloc(align(length));
  out.writeUInt16LE(length, 0);
  out.writeUInt16LE(type, 2);
  out.set(payload, HEADER);
  return out;
}

export function u8(type: number, value: number): Buffer {
  return raw(type, Buffer.from([value]));
}

export function u16(type: number, value: number): Buffer {
  const payload = Buffer.alloc(2);
  payload.writeUInt16LE(value);
  return raw(type, payload);
}

export function u32(type: number, value: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32LE(value >>> 0);
  return raw(type, payload);
}

/** Network byte order, as nf_tables wants all its numbers. */
export function be32(type: number, value: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(value >>> 0);
  return raw(type, payload);
}

export function be64(type: number, value: bigint): Buffer {
  const payload = Buffer.alloc(8);
  payload.writeBigUInt64BE(value);
  return raw(type, payload);
}

/** NUL-terminated text. */
export function text(type: number, value: string): Buffer {
  return raw(type, Buffer.from(`${value}\0`, 'latin1'));
}

/** An attribute of attributes, flagged NLA_F_NESTED. */
export function nested(type: number, children: readonly Uint8Array[]): Buffer {
  return raw(type | NESTED, Buffer.concat(children));
}

/** Attributes by type. A later one of the same type wins; lists are read with `readList`. */
export type Attributes = ReadonlyMap<number, Buffer>;

/** Every attribute in order. Throws a RangeError when a length leaves the buffer. */
export function readList(bytes: Buffer): [type: number, payload: Buffer][] {
  const found: [number, Buffer][] = [];
  let at = 0;
  while (at + HEADER <= bytes.length) {
    const length = bytes.readUInt16LE(at);
    if (length < HEADER || at + length > bytes.length) throw new RangeError(`netlink attribute at ${at} has bad length ${length}`);
    found.push([bytes.readUInt16LE(at + 2) & TYPE_MASK, bytes.subarray(at + HEADER, at + length)]);
    at += align(length);
  }
  return found;
}

export function read(bytes: Buffer): Attributes {
  return new Map(readList(bytes));
}

/** Text of an attribute up to its NUL; empty when absent. */
export function readText(attributes: Attributes, type: number): string {
  const payload = attributes.get(type);
  if (payload === undefined) return '';
  const end = payload.indexOf(0);
  return payload.toString('latin1', 0, end < 0 ? payload.length : end);
}
