import type { LogMessage } from '../driver';
import { nanosOf } from '../../frames/form';

/** One line as log plugins take and give it: protobuf's LogEntry of docker's plugin protocol, after its length. */
export interface LogEntry {
  readonly stream: 'stdout' | 'stderr';
  readonly line: Buffer;
  readonly nanos: bigint;
  /** More of the line follows. */
  readonly partial: boolean;
}

const LENGTH = 4;
const SOURCE = 1;
const TIME = 2;
const LINE = 3;
const PARTIAL = 4;
const METADATA = 5;

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let left = BigInt.asUintN(64, value);
  for (; left > 0x7fn; left >>= 7n) bytes.push(Number(left & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(left)]);
}

const numberField = (field: number, value: bigint): Buffer[] => (value === 0n ? [] : [Buffer.from([field << 3]), varint(value)]);
const bytesField = (field: number, value: Buffer): Buffer[] =>
  value.length === 0 ? [] : [Buffer.from([(field << 3) | 2]), varint(BigInt(value.length)), value];

export function encodeEntry({ stream, line, time, partial }: LogMessage): Buffer {
  const metadata =
    partial === undefined
      ? []
      : [...numberField(1, partial.last ? 1n : 0n), ...bytesField(2, Buffer.from(partial.id)), ...numberField(3, BigInt(partial.ordinal))];
  const entry = Buffer.concat([
    ...bytesField(SOURCE, Buffer.from(stream)),
    ...numberField(TIME, nanosOf(time)),
    ...bytesField(LINE, Buffer.from(line)),
    ...numberField(PARTIAL, partial === undefined ? 0n : 1n),
    ...bytesField(METADATA, Buffer.concat(metadata)),
  ]);
  const length = Buffer.alloc(LENGTH);
  length.writeUInt32BE(entry.length);
  return Buffer.concat([length, entry]);
}

/** Takes entries out of a stream, however it is cut. Throws RangeError for what is none. */
export class EntryReader {
  private rest: Buffer = Buffer.alloc(0);

  *read(chunk: Buffer): Generator<LogEntry, void> {
    this.rest = Buffer.concat([this.rest, chunk]);
    while (this.rest.length >= LENGTH) {
      const end = LENGTH + this.rest.readUInt32BE(0);
      if (this.rest.length < end) return;
      const entry = this.rest.subarray(LENGTH, end);
      this.rest = this.rest.subarray(end);
      yield decodeEntry(entry);
    }
  }
}

function decodeEntry(bytes: Buffer): LogEntry {
  let at = 0;
  const number = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes.readUInt8(at++);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(64, value);
    }
  };
  let entry: LogEntry = { stream: 'stdout', line: Buffer.alloc(0), nanos: 0n, partial: false };
  let last = false;
  while (at < bytes.length) {
    const key = bytes.readUInt8(at++);
    if ((key & 7) === 0) {
      const value = number();
      if (key >> 3 === TIME) entry = { ...entry, nanos: value };
      else if (key >> 3 === PARTIAL) entry = { ...entry, partial: value !== 0n };
      continue;
    }
    if ((key & 7) !== 2) throw new RangeError(`a log entry has a field of wire type ${key & 7}`);
    const length = Number(number());
    const value = bytes.subarray(at, (at += length));
    if (value.length < length) throw new RangeError('a log entry is cut off');
    if (key >> 3 === LINE) entry = { ...entry, line: value };
    else if (key >> 3 === SOURCE) entry = { ...entry, stream: value.toString() === 'stderr' ? 'stderr' : 'stdout' };
    else if (key >> 3 === METADATA) last = value.length >= 2 && value[0] === 8 && value[1] === 1;
  }
  return entry.partial && last ? { ...entry, partial: false } : entry;
}
