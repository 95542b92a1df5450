import type { FileHandle } from 'node:fs/promises';

/** Bytes of one read: few calls, and yet little beside a processor's cache. */
const CHUNK = 256 * 1024;
const NEWLINE = 0x0a;
/** Buffers that wait for the next reader with something to read; one that has nothing to read holds none. */
const SPARE = 4;
const spare: Buffer[] = [];

/** Reads whole lines from an offset on, as a file grows. One call at a time. */
export class LineReader {
  private buffer: Buffer | undefined;
  /** Bytes in the buffer, of which the first `given` were answered. */
  private filled = 0;
  private given = 0;
  /** Of a line that is not whole, while there is no buffer. */
  private rest: Buffer = Buffer.alloc(0);
  private atEnd = false;

  constructor(
    private readonly handle: FileHandle,
    private position = 0,
  ) {}

  /** Where the last line that was answered ends. */
  get consumed(): number {
    return this.position - (this.buffer === undefined ? this.rest.length : this.filled - this.given);
  }

  /** The whole lines that are there now, each with its newline, as many as one read brings; undefined when there is none. They are good until the next call. */
  async next(): Promise<Buffer | undefined> {
    for (;;) {
      if (this.atEnd) {
        this.close();
        return undefined;
      }
      const buffer = this.ready();
      const { bytesRead } = await this.handle.read(buffer, this.filled, buffer.length - this.filled, this.position);
      this.atEnd = bytesRead < buffer.length - this.filled; // as of a file: nothing more is there
      const newline = buffer.subarray(this.filled, this.filled + bytesRead).lastIndexOf(NEWLINE);
      const lines = newline < 0 ? 0 : this.filled + newline + 1;
      this.position += bytesRead;
      this.filled += bytesRead;
      this.given = lines;
      if (lines > 0) return buffer.subarray(0, lines);
    }
  }

  /** Gives the buffer back. The reader can go on. */
  close(): void {
    const { buffer } = this;
    this.atEnd = false;
    if (buffer === undefined) return;
    this.rest = Buffer.from(buffer.subarray(this.given, this.filled));
    this.buffer = undefined;
    if (buffer.length === CHUNK && spare.length < SPARE) spare.push(buffer);
  }

  /** A buffer that begins with what is left, and has room behind it. */
  private ready(): Buffer {
    const left = this.buffer === undefined ? this.rest : this.buffer.subarray(this.given, this.filled);
    let { buffer } = this;
    if (buffer === undefined || left.length === buffer.length) {
      buffer = left.length < CHUNK ? (spare.pop() ?? Buffer.allocUnsafeSlow(CHUNK)) : Buffer.allocUnsafeSlow(left.length * 2);
      buffer.set(left);
    } else if (this.given > 0) buffer.copyWithin(0, this.given, this.filled);
    this.buffer = buffer;
    this.filled = left.length;
    this.given = 0;
    return buffer;
  }
}
