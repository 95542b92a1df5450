import { dataLoss } from '@gantry/rpc';

/** Types of fsutil.types.Packet. */
export const PACKET = { stat: 0, request: 1, data: 2, fin: 3, error: 4 } as const;

/** A packet as it came; what it holds is left as bytes, for most of it is passed on or compared as it is. */
export interface RawPacket {
  readonly type: number;
  /** A fsutil.types.Stat; undefined where the packet has none. */
  readonly stat: Buffer | undefined;
  readonly id: number;
  readonly data: Buffer;
}

/** Field 2, with a length. The type of a stat is 0, which is not written. */
const STAT_TAG = 0x12;
const EMPTY: Buffer = Buffer.alloc(0);

/**
 * Reads one fsutil.types.Packet. By hand, because a context of 40,000 files comes in 120,000 of them: the generated reader makes every stat an object with
 * big integers and a map, and here most stats are only compared with those of the last time.
 */
export function readPacket(bytes: Buffer): RawPacket {
  let type = 0;
  let stat: Buffer | undefined;
  let id = 0;
  let data = EMPTY;
  const fields = new FieldReader(bytes);
  for (let field = fields.next(); field !== 0; field = fields.next()) {
    if (field === 1) type = fields.number;
    else if (field === 2) stat = fields.bytes;
    else if (field === 3) id = fields.number;
    else if (field === 4) data = fields.bytes;
  }
  return { type, stat, id, data };
}

/** Where the stat begins in a packet that is a stat and nothing else, as clients send them by the thousand; 0: it has to be read. */
export function statStart(bytes: Buffer): number {
  if (bytes[0] !== STAT_TAG) return 0;
  let at = 1;
  let length = 0;
  for (let shift = 0; shift <= 14; shift += 7) {
    const byte = bytes[at++] ?? 0;
    length |= (byte & 0x7f) << shift;
    if (byte < 0x80) return length > 0 && at + length === bytes.length ? at : 0;
  }
  return 0;
}

/** A request for the content of the file with this number. */
export function requestPacket(id: number): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes[0] = 0x08;
  bytes[1] = PACKET.request;
  bytes[2] = 0x18;
  return bytes.subarray(0, putVarint(bytes, 3, id));
}

export const finPacket = (): Buffer => Buffer.from([0x08, PACKET.fin]);

export function errorPacket(message: string): Buffer {
  const text = Buffer.from(message).subarray(0, 65_000);
  const head = Buffer.alloc(8);
  head.set([0x08, PACKET.error, 0x22]);
  return Buffer.concat([head.subarray(0, putVarint(head, 3, text.length)), text]);
}

function putVarint(bytes: Buffer, from: number, value: number): number {
  let at = from;
  let left = value;
  for (; left >= 0x80; left = Math.floor(left / 0x80)) bytes[at++] = (left % 0x80) | 0x80;
  bytes[at++] = left;
  return at;
}

/** Walks the fields of a protobuf message. */
export class FieldReader {
  /** Value of a varint field, as far as a double holds it. */
  number = 0;
  /** Value of a field with a length. */
  bytes: Buffer = EMPTY;
  private at = 0;

  constructor(private readonly message: Buffer) {}

  /** Number of the next field; 0 at the end. */
  next(): number {
    if (this.at >= this.message.length) return 0;
    const tag = this.varint();
    switch (tag & 7) {
      case 0:
        this.number = this.varint();
        break;
      case 1:
        this.at += 8;
        break;
      case 2: {
        const length = this.varint();
        if (this.at + length > this.message.length) throw dataLoss('a packet of the client is cut');
        this.bytes = this.message.subarray(this.at, this.at + length);
        this.at += length;
        break;
      }
      case 5:
        this.at += 4;
        break;
      default:
        throw dataLoss('a packet of the client cannot be read');
    }
    return tag >>> 3;
  }

  private varint(): number {
    let value = 0;
    let factor = 1;
    for (let count = 0; count < 10; count++) {
      const byte = this.message[this.at++];
      if (byte === undefined) throw dataLoss('a packet of the client is cut');
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
      factor *= 0x80;
    }
    throw dataLoss('a packet of the client cannot be read');
  }
}
