import { invalidArgument } from '@gantry/rpc';

export const FLAG_FIN = 0x01;
const VERSION = 3;
const HEAD_LENGTH = 8;
/** Longest control frame that is taken, bytes; those of the streaming protocols have some hundred. */
export const CONTROL_LIMIT = 16 * 1024;
/** Most that one data frame is made to hold: a stream with much to say lets others in between. */
export const DATA_LIMIT = 64 * 1024;

/** Types of control frames (draft 3.1, 2.6). */
export const CONTROL = {
  SYN_STREAM: 1,
  SYN_REPLY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PING: 6,
  GOAWAY: 7,
  HEADERS: 8,
  WINDOW_UPDATE: 9,
} as const;

/** Why a stream is reset. */
export const RESET = { PROTOCOL_ERROR: 1, INVALID_STREAM: 2, REFUSED_STREAM: 3, CANCEL: 5 } as const;

/** A data frame comes in as many pieces as the wire brings it; `fin` is told with the last one. */
export type Frame =
  | { readonly kind: 'data'; readonly streamId: number; readonly fin: boolean; readonly bytes: Buffer }
  | { readonly kind: 'control'; readonly type: number; readonly flags: number; readonly body: Buffer };

/** Bytes → frames. Errors: invalidArgument for what is no SPDY/3.1, after which nothing more can be read. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);
  #data: { readonly streamId: number; readonly fin: boolean; left: number } | undefined;

  /** The frames of what was received; to be taken whole before the next call. */
  *read(received: Buffer): Generator<Frame> {
    let bytes = this.#rest.length === 0 ? received : Buffer.concat([this.#rest, received]);
    this.#rest = Buffer.alloc(0);
    for (;;) {
      if (this.#data !== undefined) {
        const { streamId, fin, left } = this.#data;
        if (bytes.length === 0 && left > 0) return;
        const piece = bytes.subarray(0, left);
        bytes = bytes.subarray(piece.length);
        const whole = piece.length === left;
        this.#data = whole ? undefined : { streamId, fin, left: left - piece.length };
        yield { kind: 'data', streamId, fin: fin && whole, bytes: piece };
        continue;
      }
      if (bytes.length < HEAD_LENGTH) break;
      const word = bytes.readUInt32BE(0);
      const flags = bytes.readUInt8(4);
      const length = bytes.readUIntBE(5, 3);
      if (word < 0x80000000) {
        this.#data = { streamId: word, fin: (flags & FLAG_FIN) !== 0, left: length };
        bytes = bytes.subarray(HEAD_LENGTH);
        continue;
      }
      const version = (word >>> 16) & 0x7fff;
      if (version !== VERSION) throw invalidArgument(`a frame of SPDY version ${version}, not ${VERSION}`);
      if (length > CONTROL_LIMIT) throw invalidArgument(`a control frame of ${length} bytes, more than ${CONTROL_LIMIT}`);
      if (bytes.length < HEAD_LENGTH + length) break;
      yield { kind: 'control', type: word & 0xffff, flags, body: bytes.subarray(HEAD_LENGTH, HEAD_LENGTH + length) };
      bytes = bytes.subarray(HEAD_LENGTH + length);
    }
    this.#rest = Buffer.from(bytes); // a copy: the rest of a large piece would hold all of it
  }
}

export function controlFrame(type: number, flags: number, body: Buffer): Buffer {
  const frame = Buffer.alloc(HEAD_LENGTH + body.length);
  frame.writeUInt32BE((0x80000000 | (VERSION << 16) | type) >>> 0, 0);
  frame.writeUInt8(flags, 4);
  frame.writeUIntBE(body.length, 5, 3);
  body.copy(frame, HEAD_LENGTH);
  return frame;
}

/** What stands before the bytes of a data frame. */
export function dataHead(streamId: number, length: number, fin: boolean): Buffer {
  const head = Buffer.alloc(HEAD_LENGTH);
  head.writeUInt32BE(streamId, 0);
  head.writeUInt8(fin ? FLAG_FIN : 0, 4);
  head.writeUIntBE(length, 5, 3);
  return head;
}

/** A body of 32-bit numbers. */
export function numbers(...values: number[]): Buffer {
  const body = Buffer.alloc(values.length * 4);
  values.forEach((value, index) => body.writeUInt32BE(value, index * 4));
  return body;
}
