import { randomBytes } from 'node:crypto';
import { type LogLine, parseLine } from '../json-file';

/** What no line says: where it comes out again, nothing overrode it. */
const SENTINEL = randomBytes(16).toString('hex');
const NEWLINE = 0x0a;
const TIME = Buffer.from('"time":"');
/** Longest time that is taken; one of the monitor's has 30 bytes. */
const LONGEST_TIME = 64;

/** The bytes of a line from its text's closing quote to the one that opens its time: the same in all lines of one stream of one start. */
export class Envelope {
  private readonly view: DataView;

  private constructor(
    private readonly bytes: Buffer,
    readonly stream: LogLine['stream'],
    readonly attrs: LogLine['attrs'],
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** Reads that of a line whose text ends at `quote`. Undefined when more than text and time would be needed to know what the line means. */
  static of(data: Buffer, quote: number): Envelope | undefined {
    const time = data.subarray(quote, data.indexOf(NEWLINE, quote)).lastIndexOf(TIME);
    if (time < 0) return undefined;
    const bytes = Buffer.from(data.subarray(quote, quote + time + TIME.length));
    const line = parseLine(Buffer.concat([Buffer.from(`{"log":"${SENTINEL}`), bytes, Buffer.from(`${SENTINEL}"}`)]));
    return line?.log === SENTINEL && line.time === SENTINEL ? new Envelope(bytes, line.stream, line.attrs) : undefined;
  }

  get length(): number {
    return this.bytes.length;
  }

  /** Where the time begins, when these bytes stand at `quote`; else -1. */
  match(view: DataView, quote: number): number {
    return same(this.view, 0, view, quote, this.length) ? quote + this.length : -1;
  }
}

/** Whether so many bytes, four at least, are the same here and there. */
export function same(one: DataView, from: number, other: DataView, at: number, length: number): boolean {
  const last = length - 4;
  if (at + length > other.byteLength) return false;
  for (let i = 0; i < last; i += 4) if (one.getInt32(from + i, true) !== other.getInt32(at + i, true)) return false;
  return one.getInt32(from + last, true) === other.getInt32(at + last, true);
}

/** Where a time that begins here ends, when nothing of it is escaped and nothing but the end of the line follows; else -1. */
export function timeEnd(data: Uint8Array, from: number): number {
  let at = from;
  for (const last = from + LONGEST_TIME; at < last; at++) {
    const byte = data[at] as number;
    if (byte === 0x22) break;
    if (!(byte >= 0x20 && byte < 0x80) || byte === 0x5c) return -1;
  }
  return data[at] === 0x22 && data[at + 1] === 0x7d && data[at + 2] === 0x0a ? at : -1;
}
