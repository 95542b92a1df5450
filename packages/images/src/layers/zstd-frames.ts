import { Duplex, Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { constants, createZstdDecompress, zstdDecompressSync } from 'node:zlib';
import { dataLoss, errorText } from '@gantry/rpc';

/** Frames are told by these (RFC 8878); skippable ones end in any hexadecimal digit. */
const FRAME = 0xfd2fb528;
const SKIPPABLE = 0x184d2a50;

/** A frame that is small, packed and unpacked, is decompressed in one call: zstd:chunked has one for every file. */
const SMALL_PACKED = 256 << 10;
const SMALL_PLAIN = 4 << 20;
const CHUNK = 1 << 20;
const RUN = 512 << 10;
const PARAMS = { [constants.ZSTD_d_windowLogMax]: 27 };

/**
 * Decompresses any number of zstd frames after each other, leaving out skippable ones, as the format wants it. Node's own decompressor ends with the
 * first frame, so the frames are told apart here. Errors: dataLoss.
 */
export function zstdFrames(): Duplex {
  return Duplex.from(decompress) as Duplex;
}

async function* decompress(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield* frames(new Input(source));
  } catch (error) {
    const { code = '' } = error as { code?: string };
    throw code.startsWith('ZSTD_') || code === 'ERR_BUFFER_TOO_LARGE'
      ? dataLoss(`broken compressed layer: ${errorText(error)}`, { cause: error })
      : error;
  }
}

async function* frames(input: Input): AsyncGenerator<Buffer> {
  for (let magic = await input.take(4, true); magic !== undefined; magic = await input.take(4, true)) {
    const number = magic.readUInt32LE();
    if ((number & 0xfffffff0) >>> 0 === SKIPPABLE) {
      for (let left = (await input.need(4)).readUInt32LE(); left > 0; left -= (await input.some(left)).length);
      continue;
    }
    if (number !== FRAME) throw dataLoss('broken compressed layer: something that is no zstd frame follows');
    yield* oneFrame(input, magic);
  }
}

async function* oneFrame(input: Input, magic: Buffer): AsyncGenerator<Buffer> {
  const { header, size, checksum } = await readHeader(input);
  const parts = frameBytes(input, { start: Buffer.concat([magic, header]), checksum });
  const held: Buffer[] = [];
  let length = 0;
  if (size !== undefined && size <= SMALL_PLAIN) {
    for (let next = await parts.next(); next.done !== true; next = await parts.next()) {
      held.push(next.value);
      length += next.value.length;
      if (length > SMALL_PACKED) break;
    }
    if (length <= SMALL_PACKED) {
      if (size > 0) yield zstdDecompressSync(Buffer.concat(held), { maxOutputLength: size, params: PARAMS });
      return;
    }
  }
  const feed = Readable.from(after(held, parts), { objectMode: false });
  const inflater = createZstdDecompress({ chunkSize: CHUNK, params: PARAMS });
  const fed = finished(feed, { cleanup: true });
  fed.catch((error: unknown) => inflater.destroy(error as Error));
  feed.pipe(inflater);
  try {
    for await (const part of inflater) yield part as Buffer;
    await fed;
  } finally {
    feed.destroy();
    inflater.destroy();
  }
}

async function* after(held: readonly Buffer[], rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield* held;
  yield* rest;
}

/** The header after the magic number, the size of the content when it tells it, and whether a checksum ends the frame. */
async function readHeader(
  input: Input,
): Promise<{ readonly header: Buffer; readonly size: number | undefined; readonly checksum: boolean }> {
  const first = await input.need(1);
  const flags = first[0] ?? 0;
  const single = (flags & 0x20) !== 0;
  const window = single ? 0 : 1;
  const dictionary = [0, 1, 2, 4][flags & 3] ?? 0;
  const sizeBytes = [single ? 1 : 0, 2, 4, 8][flags >> 6] ?? 0;
  const rest = await input.need(window + dictionary + sizeBytes);
  const field = rest.subarray(window + dictionary);
  const sizes: Record<number, () => number> = {
    1: () => field.readUInt8(),
    2: () => field.readUInt16LE() + 256,
    4: () => field.readUInt32LE(),
    8: () => Number(field.readBigUInt64LE()),
  };
  return { header: Buffer.concat([first, rest]), size: sizes[sizeBytes]?.(), checksum: (flags & 4) !== 0 };
}

/** All bytes of one frame, in pieces of about RUN: blocks alone are small, and every piece costs a turn of the streams. */
async function* frameBytes(input: Input, frame: { readonly start: Buffer; readonly checksum: boolean }): AsyncGenerator<Buffer> {
  const run: Buffer[] = [frame.start];
  let length = frame.start.length;
  for (let last = false; !last;) {
    const header = await input.need(3);
    const block = header.readUIntLE(0, 3);
    last = (block & 1) === 1;
    const type = (block >> 1) & 3;
    if (type === 3) throw dataLoss('broken compressed layer: a zstd block of a reserved type');
    run.push(header);
    for (let left = type === 1 ? 1 : block >> 3; left > 0;) {
      const part = await input.some(left);
      left -= part.length;
      length += part.length;
      run.push(part);
    }
    if (length < RUN) continue;
    yield Buffer.concat(run.splice(0));
    length = 0;
  }
  if (frame.checksum) run.push(await input.need(4));
  yield Buffer.concat(run);
}

class Input {
  private readonly iterator: AsyncIterator<Buffer>;
  private rest: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Buffer>) {
    this.iterator = source[Symbol.asyncIterator]();
  }

  /** At least one and at most `limit` bytes. */
  async some(limit: number): Promise<Buffer> {
    const part = await this.take(Math.min(limit, Math.max(this.rest.length, 1)), false);
    return part ?? Buffer.alloc(0);
  }

  async need(count: number): Promise<Buffer> {
    return (await this.take(count, false)) ?? Buffer.alloc(0);
  }

  /** Exactly `count` bytes; undefined at the end, where that is allowed. */
  async take(count: number, endAllowed: boolean): Promise<Buffer | undefined> {
    while (this.rest.length < count) {
      const next = await this.iterator.next();
      if (next.done === true) {
        if (endAllowed && this.rest.length === 0) return undefined;
        throw dataLoss('broken compressed layer: it ends in the middle of a zstd frame');
      }
      this.rest = this.rest.length === 0 ? next.value : Buffer.concat([this.rest, next.value]);
    }
    const part = this.rest.subarray(0, count);
    this.rest = this.rest.subarray(count);
    return part;
  }
}
