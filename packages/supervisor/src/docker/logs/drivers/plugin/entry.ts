import { LogEntry as Message } from '@gantry/api/moby/logdriver/entry';
import type { LogMessage } from '../driver';
import { nanosOf } from '../../frames/form';

/** One line as log plugins take and give it. */
export interface LogEntry {
  readonly stream: 'stdout' | 'stderr';
  readonly line: Buffer;
  readonly nanos: bigint;
  /** More of the line follows. */
  readonly partial: boolean;
}

/** Bytes of an entry's length before it. */
const LENGTH = 4;

export function encodeEntry({ stream, line, time, partial }: LogMessage): Buffer {
  const entry = Message.encode({
    source: stream,
    timeNano: nanosOf(time),
    line: Buffer.from(line),
    partial: partial !== undefined,
    partialLogMetadata: partial,
  }).finish();
  const length = Buffer.alloc(LENGTH);
  length.writeUInt32BE(entry.length);
  return Buffer.concat([length, entry]);
}

/** Takes entries out of a stream, however it is cut. Throws RangeError for one that is cut off. */
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
  const { source, timeNano, line, partial, partialLogMetadata } = Message.decode(bytes);
  return {
    stream: source === 'stderr' ? 'stderr' : 'stdout',
    line,
    nanos: timeNano,
    partial: partial && partialLogMetadata?.last !== true,
  };
}
