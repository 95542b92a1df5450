import { isUtf8 } from 'node:buffer';
import { type LogLine, parseLine } from '../json-file';
import { Envelope, same, timeEnd } from './envelope';
import { encodeLine, HEADER, type LogForm, prefixOf, type Verdict, verdictOn } from './form';
import { TextCopy } from './text';

const NEWLINE = 0x0a;
const BEGINNING = Buffer.from('{"log":"');
const [BEGINNING_1, BEGINNING_2] = [BEGINNING.readInt32LE(0), BEGINNING.readInt32LE(4)];
/** Where `","stream":"stdout"` and `","stream":"stderr"` differ. */
const TELLING = '","stream":"std'.length;
const OF_STDERR = 0x65;
/** Closing quote, brace and newline. */
const AFTER_TIME = 3;
/** No line is shorter: what envelope and time take. */
const SHORTEST = 40;
/** Room for lines that grow otherwise: U+FFFD in place of a byte. */
const SPARE = 4096;

/** What lines of one stream have in common while their time stays the same. */
interface Head {
  readonly verdict: Verdict;
  readonly stream: LogLine['stream'];
  /** Stands before the text. */
  readonly prefix: Buffer;
}

/** What the last line of a stream had behind its text, and what that means. */
interface Tail {
  envelope: Envelope | undefined;
  head: Head | undefined;
  /** Where it lies in these lines; the length is 0 when there was none yet. */
  at: number;
  length: number;
}

const NOTHING = Buffer.alloc(0);

/**
 * Makes of a log's lines what its reader is sent. A line as our monitor and dockerd write it is copied from buffer to buffer, with no object made for it; what is
 * written in another way is parsed. The outcome is the same: `encodeLine(parseLine(…))`, to which a test holds it.
 */
export class LogFrames {
  /** A line was later than the reader wants: none that follows is sent. */
  over = false;
  private readonly stdout: Tail = { envelope: undefined, head: undefined, at: 0, length: 0 };
  private readonly stderr: Tail = { ...this.stdout };
  private readonly header: number;
  private readonly timed: boolean;
  /** Bytes of the last prefix, which most likely are those of the next. */
  private guess = 0;
  private data: Buffer = NOTHING;
  private view: DataView = new DataView(new ArrayBuffer(0));
  private out: Buffer = NOTHING;
  private end = 0;

  constructor(private readonly form: LogForm) {
    this.header = form.tty ? 0 : HEADER;
    this.timed = form.timestamps || form.since !== undefined || form.until !== undefined;
  }

  /** Whole lines, each with its newline, as frames: in one buffer, or in a few where lines grow much. */
  of(data: Buffer): Buffer[] {
    const done: Buffer[] = [];
    const plain = !isUtf8(data);
    this.data = data;
    this.view = new DataView(data.buffer, data.byteOffset, data.length);
    this.stdout.length = this.stderr.length = 0;
    for (let at = 0; at < data.length && !this.over;) {
      this.out = Buffer.allocUnsafe(this.roomFor(data.length - at));
      this.end = 0;
      const copy = new TextCopy(data, this.view, this.out, plain);
      let large: Buffer | undefined;
      while (at < data.length && !this.over && large === undefined && (this.end === 0 || this.fits(data.length - at))) {
        const next = this.copyLine(copy, at);
        if (next >= 0) at = next;
        else {
          const newline = data.indexOf(NEWLINE, at);
          large = this.put(this.parsed(data.subarray(at, newline)));
          at = newline + 1;
        }
      }
      if (this.end > 0) done.push(this.out.subarray(0, this.end));
      if (large !== undefined) done.push(large);
    }
    this.data = this.out = NOTHING;
    return done;
  }

  private roomFor(left: number): number {
    const before = this.header + this.guess;
    return left + SPARE + before + Math.ceil(left / SHORTEST) * Math.max(0, before - SHORTEST);
  }

  /** Whether a text as long as all that is left can be copied. */
  private fits(left: number): boolean {
    return this.end + this.header + this.guess + left <= this.out.length;
  }

  /** Answers where the next line begins; -1: this one has to be parsed. */
  private copyLine(copy: TextCopy, at: number): number {
    const { data, view } = this;
    if (at + SHORTEST > data.length || view.getInt32(at, true) !== BEGINNING_1 || view.getInt32(at + 4, true) !== BEGINNING_2) return -1;
    if (!this.fits(data.length - at)) return -1;
    const text = this.end + this.header + this.guess;
    copy.copy(at + BEGINNING.length, text);
    const { quote } = copy;
    if (quote < 0) return -1;
    const tail = data[quote + TELLING] === OF_STDERR ? this.stderr : this.stdout;
    if (tail.length === 0 || !same(view, tail.at, view, quote, tail.length)) {
      if (!this.learn(tail, quote)) return -1;
    }
    const { head, length } = tail;
    if (head === undefined) return -1;
    this.over = head.verdict === 'late';
    if (head.verdict === 'wanted' && this.form[head.stream] && !this.finish(head, copy, text)) return -1;
    return quote + length;
  }

  /** Text was copied to where it lies behind the last prefix: now that this one is known it is moved, where it must be. */
  private finish({ prefix, stream }: Head, copy: TextCopy, text: number): boolean {
    const { out, header } = this;
    const moved = prefix.length - (text - this.end - header);
    const end = copy.end + moved;
    if (moved !== 0) {
      this.guess = prefix.length;
      if (end > out.length) return false;
      out.copyWithin(text + moved, text, copy.end);
    }
    if (prefix.length > 0) out.set(prefix, this.end + header);
    if (header > 0) {
      copy.into.setInt32(this.end, stream === 'stdout' ? 1 : 2, true);
      copy.into.setInt32(this.end + 4, end - this.end - header);
    }
    this.end = end;
    return true;
  }

  /** Reads what stands behind a text. False: the line has to be parsed. */
  private learn(tail: Tail, quote: number): boolean {
    const { data, view } = this;
    let time = tail.envelope?.match(view, quote) ?? -1;
    if (time < 0) {
      const envelope = Envelope.of(data, quote);
      if (envelope === undefined) return false;
      tail.envelope = envelope;
      tail.head = undefined;
      time = quote + envelope.length;
    }
    const end = timeEnd(data, time);
    if (end < 0) return false;
    if (tail.head === undefined || this.timed) tail.head = this.headOf(tail.envelope, data.toString('latin1', time, end));
    tail.at = quote;
    tail.length = end + AFTER_TIME - quote;
    return true;
  }

  private headOf(envelope: Envelope | undefined, time: string): Head {
    const { stream = 'stdout', attrs } = envelope ?? {};
    const verdict = verdictOn(time, this.form);
    const sent = verdict === 'wanted' && this.form[stream];
    const prefix = sent ? Buffer.from(prefixOf({ time, ...(attrs === undefined ? {} : { attrs }) }, this.form)) : NOTHING;
    return { verdict, stream, prefix };
  }

  private parsed(bytes: Buffer): Buffer {
    const line = parseLine(bytes);
    if (line === undefined) return NOTHING;
    const verdict = verdictOn(line.time, this.form);
    this.over = verdict === 'late';
    return verdict === 'wanted' && this.form[line.stream] ? encodeLine(line, this.form) : NOTHING;
  }

  /** Answers the frame again when it does not fit. */
  private put(frame: Buffer): Buffer | undefined {
    if (frame.length > this.out.length - this.end) return frame;
    this.out.set(frame, this.end);
    this.end += frame.length;
    return undefined;
  }
}
