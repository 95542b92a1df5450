import { dataLoss, resourceExhausted } from '@gantry/rpc/errors';

export interface TarEntry {
  readonly name: string;
  readonly type: 'file' | 'link' | 'other';
  readonly size: number;
  /** Target of a link. */
  readonly target: string;
  /** The entry's bytes; to be consumed (or left) before the next entry is asked for. */
  readonly body: AsyncIterable<Buffer>;
}

const BLOCK = 512;
/** Extended headers larger than this are no honest ones. */
const HEADER_LIMIT = 1 << 20;

/**
 * Entries of an outer archive (docker save, OCI layout), without unpacking anything to disk. Only what such archives use: files, links,
 * directories, pax and GNU long names.
 */
export async function* readTar(source: AsyncIterable<Buffer>): AsyncGenerator<TarEntry> {
  const input = new ByteSource(source);
  let long: { path?: string; linkpath?: string; size?: number } = {};
  for (;;) {
    const header = await input.exactly(BLOCK, true);
    if (header === undefined) return;
    if (header.every((byte) => byte === 0)) {
      await input.drain();
      return;
    }
    checkSum(header);
    const type = String.fromCharCode(header[156] ?? 0);
    const size = long.size ?? number(header.subarray(124, 136));
    if (type === 'x' || type === 'g' || type === 'L' || type === 'K') {
      if (size > HEADER_LIMIT) throw resourceExhausted(`archive header of ${size} bytes is too large`);
      const data = (await input.exactly(size)) ?? Buffer.alloc(0);
      await input.skip(padding(size));
      if (type === 'x') long = { ...long, ...records(data) };
      if (type === 'L') long = { ...long, path: text(data) };
      if (type === 'K') long = { ...long, linkpath: text(data) };
      continue;
    }
    const prefix = text(header.subarray(257, 263)).startsWith('ustar') ? text(header.subarray(345, 500)) : '';
    const short = text(header.subarray(0, 100));
    const name = long.path ?? (prefix === '' ? short : `${prefix}/${short}`);
    const kind = type === '0' || type === '\0' || type === '7' ? 'file' : type === '1' || type === '2' ? 'link' : 'other';
    const length = kind === 'file' ? size : 0;
    const body = input.take(length);
    yield { name, type: kind, size: length, target: long.linkpath ?? text(header.subarray(157, 257)), body };
    await body.finish();
    await input.skip(padding(length));
    long = {};
  }
}

/** Bytes of a stream, as many as are asked for. */
export class ByteSource {
  private readonly iterator: AsyncIterator<Buffer>;
  private rest: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Buffer>) {
    this.iterator = source[Symbol.asyncIterator]();
  }

  /** At most limit bytes; undefined at the end. */
  async some(limit: number): Promise<Buffer | undefined> {
    while (this.rest.length === 0) {
      const next = await this.iterator.next();
      if (next.done === true) return undefined;
      this.rest = next.value;
    }
    const part = this.rest.subarray(0, limit);
    this.rest = this.rest.subarray(part.length);
    return part;
  }

  async exactly(size: number, endAllowed = false): Promise<Buffer | undefined> {
    const parts: Buffer[] = [];
    let have = 0;
    while (have < size) {
      const part = await this.some(size - have);
      if (part === undefined) {
        if (endAllowed && have === 0) return undefined;
        throw dataLoss('unexpected EOF');
      }
      parts.push(part);
      have += part.length;
    }
    return parts.length === 1 ? parts[0] : Buffer.concat(parts);
  }

  async skip(size: number): Promise<void> {
    for (let left = size; left > 0;) {
      const part = await this.some(left);
      if (part === undefined) throw dataLoss('unexpected EOF');
      left -= part.length;
    }
  }

  async drain(): Promise<void> {
    while ((await this.some(Infinity)) !== undefined);
  }

  take(size: number): AsyncIterable<Buffer> & { finish(): Promise<void> } {
    let left = size;
    const next = async (): Promise<Buffer | undefined> => {
      if (left === 0) return undefined;
      const part = await this.some(left);
      if (part === undefined) throw dataLoss('unexpected EOF');
      left -= part.length;
      return part;
    };
    return {
      finish: () => this.skip(left),
      [Symbol.asyncIterator]: () => ({
        next: async () => {
          const value = await next();
          return value === undefined ? { done: true as const, value: undefined } : { done: false as const, value };
        },
      }),
    };
  }
}

/** Bytes from the end of an entry to the next block. */
export const padding = (size: number): number => (BLOCK - (size % BLOCK)) % BLOCK;

function text(field: Buffer): string {
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end < 0 ? field.length : end);
}

/** A number of a header's field. */
export function number(field: Buffer): number {
  if (((field[0] ?? 0) & 0x80) !== 0) {
    let value = (field[0] ?? 0) & 0x7f;
    for (const byte of field.subarray(1)) value = value * 256 + byte;
    if (!Number.isSafeInteger(value)) throw dataLoss('archive entry has an impossible size');
    return value;
  }
  const digits = text(field).trim();
  if (!/^[0-7]*$/.test(digits)) throw dataLoss(`archive entry has the size "${digits}"`);
  return digits === '' ? 0 : Number.parseInt(digits, 8);
}

/** Throws dataLoss for what is no header. */
export function checkSum(header: Buffer): void {
  let sum = 8 * 32;
  for (let at = 0; at < BLOCK; at++) if (at < 148 || at >= 156) sum += header[at] ?? 0;
  if (number(header.subarray(148, 156)) !== sum) throw dataLoss('this is not a tar archive');
}

function records(data: Buffer): { path?: string; linkpath?: string; size?: number } {
  const found: { path?: string; linkpath?: string; size?: number } = {};
  for (let at = 0; at < data.length;) {
    const blank = data.indexOf(32, at);
    const length = Number(data.toString('latin1', at, blank));
    if (blank < 0 || !Number.isInteger(length) || length <= blank - at || at + length > data.length)
      throw dataLoss('archive has a broken extended header');
    const record = data.toString('utf8', blank + 1, at + length - 1);
    const equals = record.indexOf('=');
    const value = record.slice(equals + 1);
    if (record.startsWith('path=')) found.path = value;
    if (record.startsWith('linkpath=')) found.linkpath = value;
    if (record.startsWith('size=')) found.size = Number(value);
    at += length;
  }
  if (found.size !== undefined && !(Number.isSafeInteger(found.size) && found.size >= 0))
    throw dataLoss('archive entry has an impossible size');
  return found;
}
