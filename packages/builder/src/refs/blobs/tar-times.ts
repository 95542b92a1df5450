import { Transform, type TransformCallback } from 'node:stream';

const BLOCK = 512;

/**
 * A tar in which no time is later than `latest` (seconds since 1970): modification times in headers, and the mtime, atime and ctime of extended headers. Everything else
 * passes byte for byte.
 */
export function capTimes(latest: number): Transform {
  return new TarTimes(latest);
}

class TarTimes extends Transform {
  private pending: Buffer = Buffer.alloc(0);
  /** Bytes of the present entry, padding included, that are still to pass. */
  private passing = 0;
  /** An extended header that is being gathered: it changes only when it is whole. */
  private extended: { readonly header: Buffer; readonly size: number; readonly room: number } | undefined;

  constructor(private readonly latest: number) {
    super();
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.pending = this.pending.length === 0 ? chunk : Buffer.concat([this.pending, chunk]);
    try {
      while (this.step());
      done();
    } catch (error) {
      done(error as Error);
    }
  }

  override _flush(done: TransformCallback): void {
    if (this.pending.length > 0) this.push(this.pending);
    done();
  }

  private step(): boolean {
    if (this.passing > 0) {
      if (this.pending.length === 0) return false;
      const part = this.cut(Math.min(this.passing, this.pending.length));
      this.passing -= part.length;
      this.push(part);
      return true;
    }
    if (this.extended !== undefined) {
      const { header, size, room } = this.extended;
      if (this.pending.length < room) return false;
      this.extended = undefined;
      this.pushExtended(header, this.cut(room).subarray(0, size));
      return true;
    }
    if (this.pending.length < BLOCK) return false;
    const header = Buffer.from(this.cut(BLOCK));
    const size = numberAt(header, 124, 12);
    const room = Math.ceil(size / BLOCK) * BLOCK;
    const type = String.fromCharCode(header[156] ?? 0);
    if (header.every((byte) => byte === 0)) this.push(header);
    else if (type === 'x' || type === 'g') this.extended = { header, size, room };
    else {
      this.push(this.capped(header));
      this.passing = room;
    }
    return true;
  }

  private cut(size: number): Buffer {
    const part = this.pending.subarray(0, size);
    this.pending = this.pending.subarray(size);
    return part;
  }

  private capped(header: Buffer): Buffer {
    if (numberAt(header, 136, 12) <= this.latest) return header;
    writeOctal(header, 136, 12, this.latest);
    return summed(header);
  }

  private pushExtended(header: Buffer, records: Buffer): void {
    const changed = capRecords(records, this.latest);
    if (numberAt(header, 136, 12) > this.latest) writeOctal(header, 136, 12, this.latest);
    writeOctal(header, 124, 12, changed.length);
    this.push(summed(header));
    this.push(changed);
    const rest = (BLOCK - (changed.length % BLOCK)) % BLOCK;
    if (rest > 0) this.push(Buffer.alloc(rest));
  }
}

const TIMES = new Set(['mtime', 'atime', 'ctime']);

/** Records `length key=value\n`; lengths and values are bytes. */
function capRecords(records: Buffer, latest: number): Buffer {
  const out: Buffer[] = [];
  for (let at = 0; at < records.length;) {
    const blank = records.indexOf(0x20, at);
    const length = Number(records.toString('latin1', at, blank));
    if (blank < 0 || !Number.isSafeInteger(length) || length <= 0 || at + length > records.length) {
      out.push(records.subarray(at)); // not what the format says: passed as it is
      break;
    }
    const record = records.subarray(at, at + length);
    const equals = records.indexOf(0x3d, blank);
    const key = records.toString('latin1', blank + 1, equals);
    const late = TIMES.has(key) && Number(records.toString('latin1', equals + 1, at + length - 1)) > latest;
    out.push(late ? recordOf(key, String(latest)) : record);
    at += length;
  }
  return Buffer.concat(out);
}

function recordOf(key: string, value: string): Buffer {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.from(`${length}${rest}`, 'latin1');
}

/** Octal text, or binary when the first bit is set. */
function numberAt(header: Buffer, at: number, length: number): number {
  const first = header[at] ?? 0;
  if ((first & 0x80) === 0)
    return parseInt(
      header
        .toString('latin1', at, at + length)
        .replace(/[\0 ]+/g, ' ')
        .trim() || '0',
      8,
    );
  if (first === 0xff) return -1; // before 1970
  let value = first & 0x7f;
  for (let i = 1; i < length; i++) value = value * 256 + (header[at + i] ?? 0);
  return value;
}

function writeOctal(header: Buffer, at: number, length: number, value: number): void {
  header.write(
    `${Math.max(0, value)
      .toString(8)
      .padStart(length - 1, '0')}\0`,
    at,
    length,
    'latin1',
  );
}

function summed(header: Buffer): Buffer {
  header.fill(0x20, 148, 156);
  let sum = 0;
  for (const byte of header) sum += byte;
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 8, 'latin1');
  return header;
}
