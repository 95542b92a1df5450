import { createHash } from 'node:crypto';
import type { LogMessage } from '../drivers/driver';
import type { LogLine } from '../json-file';

/** A line that came in parts so far. */
interface Parts {
  readonly id: string;
  readonly ordinal: number;
  readonly time: string;
}

/** Streams whose last line is not whole yet. */
export type OpenParts = Readonly<Partial<Record<LogLine['stream'], Parts>>>;

/** Bytes of a part that others follow; a shorter one was cut off by the end of the output. */
const PART = 16 * 1024;

/** Makes messages of the log's lines: a line without its newline is a part of one. */
export class Partials {
  constructor(
    private readonly subject: string,
    public open: OpenParts = {},
  ) {}

  message({ stream, log, time }: LogLine): LogMessage {
    const whole = log.endsWith('\n');
    const line = whole ? log.slice(0, -1) : log;
    const before = this.open[stream];
    if (whole && before === undefined) return { stream, line, time };
    const part = before === undefined ? { id: this.nameOf(stream, time), ordinal: 1, time } : { ...before, ordinal: before.ordinal + 1 };
    const { [stream]: _over, ...others } = this.open;
    this.open = whole || Buffer.byteLength(log) < PART ? others : { ...others, [stream]: part };
    return { stream, line, time: part.time, partial: { id: part.id, ordinal: part.ordinal, last: whole } };
  }

  /** The same however often the line is sent. */
  private nameOf(stream: string, time: string): string {
    return createHash('sha256').update(`${this.subject} ${stream} ${time}`).digest('hex');
  }
}
