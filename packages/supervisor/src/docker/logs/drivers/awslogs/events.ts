import { after, type Timer } from '@gantry/rpc';
import type { Pattern } from '@gantry/oci/pattern';
import type { LogMessage } from '../driver';

export interface AwsEvent {
  /** Milliseconds since the epoch. */
  readonly timestamp: number;
  readonly message: string;
}

/** Bytes that CloudWatch adds to each event. */
export const EVENT_OVERHEAD = 26;
/** Bytes of one message. */
export const MOST_MESSAGE = 256 * 1024 - EVENT_OVERHEAD;

interface Open {
  text: string;
  bytes: number;
  readonly timestamp: number;
  /** The send that brought its first line. */
  readonly since: number;
}

export interface EventNeeds {
  readonly pattern: Pattern | undefined;
  /** Milliseconds after which an event of several lines is whole, whatever follows. */
  readonly flushMs: number;
  add(event: AwsEvent): void;
  /** Something was added while nothing was sent. */
  flushed(): void;
}

/** Makes events of lines: the parts of a long one are joined, lines that belong together are one event, and what is too long is several. */
export class Events {
  private readonly lines = new Map<LogMessage['stream'], Open>();
  private event: Open | undefined;
  private timer: Timer | undefined;

  constructor(private readonly needs: EventNeeds) {}

  take({ stream, line, time, partial }: LogMessage, send: number): void {
    const before = this.lines.get(stream);
    const open = before ?? { text: '', bytes: 0, timestamp: Date.parse(time), since: send };
    const bytes = Buffer.byteLength(line);
    if (before !== undefined && before.bytes + bytes > MOST_MESSAGE) {
      this.lines.delete(stream);
      this.line(open);
      this.take({ stream, line, time, ...(partial === undefined ? {} : { partial }) }, send);
      return;
    }
    open.text += line;
    open.bytes += bytes;
    if (partial?.last === false) this.lines.set(stream, open);
    else {
      this.lines.delete(stream);
      this.line(open);
    }
  }

  /** The send that brought the oldest line which is not among the events yet. */
  get heldSince(): number | undefined {
    const held = [...this.lines.values(), ...(this.event === undefined ? [] : [this.event])].map(({ since }) => since);
    return held.length === 0 ? undefined : Math.min(...held);
  }

  /** Nothing follows. */
  end(): void {
    for (const open of this.lines.values()) this.line(open);
    this.lines.clear();
    this.flush();
  }

  close(): void {
    this.timer?.cancel();
  }

  private line({ text, bytes, timestamp, since }: Open): void {
    const { pattern, flushMs } = this.needs;
    if (pattern === undefined) return this.emit({ text, timestamp });
    if (this.event !== undefined && (pattern.test(text) || this.event.bytes + bytes > MOST_MESSAGE)) this.flush();
    const event = (this.event ??= { text: '', bytes: 0, timestamp, since });
    const whole = bytes < MOST_MESSAGE ? `${text}\n` : text;
    event.text += whole;
    event.bytes += bytes + 1;
    this.timer ??= after(flushMs, () => {
      this.flush();
      this.needs.flushed();
    });
  }

  private flush(): void {
    this.timer?.cancel();
    this.timer = undefined;
    const { event } = this;
    this.event = undefined;
    if (event !== undefined) this.emit(event);
  }

  private emit({ text, timestamp }: Pick<Open, 'text' | 'timestamp'>): void {
    for (const message of pieces(text)) this.needs.add({ timestamp, message });
  }
}

/** None of an empty text. */
function pieces(text: string): string[] {
  if (text === '') return [];
  if (text.length * 3 <= MOST_MESSAGE || Buffer.byteLength(text) <= MOST_MESSAGE) return [text];
  const bytes = Buffer.from(text);
  const found: string[] = [];
  for (let start = 0; start < bytes.length;) {
    let end = Math.min(start + MOST_MESSAGE, bytes.length);
    while (end < bytes.length && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--; // not within a character
    found.push(bytes.toString('utf8', start, end));
    start = end;
  }
  return found;
}
