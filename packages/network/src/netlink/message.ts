/** Netlink messages (struct nlmsghdr, netlink(7)). */
import { read, readText } from './attribute';

export const HEADER_LENGTH = 16;

export const FLAG = { request: 0x1, ack: 0x4, dump: 0x300, replace: 0x100, exclusive: 0x200, create: 0x400, append: 0x800 } as const;

const TYPE_ERROR = 2;
const TYPE_DONE = 3;
const SEQUENCE_AT = 8;
const PORT_AT = 12;

/** A message without its sequence number, which the connection fills in. */
export interface Request {
  readonly type: number;
  readonly flags: number;
  readonly body: Buffer;
  /** What the message is for, said in an error: `create veth "veth1a2b"`. */
  readonly purpose: string;
}

export interface Reply {
  readonly type: number;
  readonly sequence: number;
  /** Port of who asked for what it tells of. */
  readonly from: number;
  readonly body: Buffer;
}

/** The kernel's answer `errno` (positive) to the message with this sequence number; 0 is an acknowledgement. */
export interface Outcome {
  readonly sequence: number;
  readonly errno: number;
  /** The kernel's own words, when it has any (NETLINK_EXT_ACK). */
  readonly text: string;
}

/** All requests in one buffer, numbered from `firstSequence`. */
export function encode(requests: readonly Request[], firstSequence: number): Buffer {
  const parts = requests.flatMap((request, index) => {
    const header = Buffer.alloc(HEADER_LENGTH);
    const length = HEADER_LENGTH + request.body.length;
    header.writeUInt32LE(length, 0);
    header.writeUInt16LE(request.type, 4);
    header.writeUInt16LE(request.flags | FLAG.request, 6);
    header.writeUInt32LE((firstSequence + index) >>> 0, SEQUENCE_AT);
    return [header, request.body, Buffer.alloc((4 - (length & 3)) & 3)];
  });
  return Buffer.concat(parts);
}

const EXPLANATION = 1;

/** Behind the errno and the header of the request (the request itself is not echoed, NETLINK_CAP_ACK) there may be attributes. */
function explanation(body: Buffer): string {
  return body.length > 4 + HEADER_LENGTH ? readText(read(body.subarray(4 + HEADER_LENGTH)), EXPLANATION) : '';
}

/** Splits one datagram into data replies and outcomes. Throws a RangeError on a length that leaves the datagram. */
export function decode(datagram: Buffer): { replies: Reply[]; outcomes: Outcome[]; done: boolean } {
  const replies: Reply[] = [];
  const outcomes: Outcome[] = [];
  let done = false;
  for (let at = 0; at + HEADER_LENGTH <= datagram.length;) {
    const length = datagram.readUInt32LE(at);
    if (length < HEADER_LENGTH || at + length > datagram.length) throw new RangeError(`netlink message at ${at} has bad length ${length}`);
    const type = datagram.readUInt16LE(at + 4);
    const sequence = datagram.readUInt32LE(at + SEQUENCE_AT);
    const body = datagram.subarray(at + HEADER_LENGTH, at + length);
    if (type === TYPE_ERROR) outcomes.push({ sequence, errno: -body.readInt32LE(0), text: explanation(body) });
    else if (type === TYPE_DONE) {
      done = true;
      if (body.length >= 4) outcomes.push({ sequence, errno: -body.readInt32LE(0), text: '' });
    } else replies.push({ type, sequence, from: datagram.readUInt32LE(at + PORT_AT), body });
    at += (length + 3) & ~3;
  }
  return { replies, outcomes, done };
}
