import { createInflate, type Inflate, constants } from 'node:zlib';
import { invalidArgument } from '@gantry/rpc';
import { DICTIONARY } from './dictionary';

/** Bytes that one block may unpack to, and pairs in it; a client of the streaming protocols sends three short ones. */
const BLOCK_LIMIT = 16 * 1024;
const PAIR_LIMIT = 64;

/** Names in lower case; a value that was given several times is its first. */
export type Headers = ReadonlyMap<string, string>;

/** Reads the header blocks of one direction, which are one compressed stream: all of them, in their order. */
export class HeaderReader {
  readonly #inflate: Inflate = createInflate({ dictionary: DICTIONARY, finishFlush: constants.Z_SYNC_FLUSH });
  #failed: Error | undefined;
  /** What the block that is read now came to so far. */
  #parts: Buffer[] = [];
  #length = 0;
  #wake: () => void = () => undefined;

  constructor() {
    this.#inflate.on('readable', () => this.#drain());
    this.#inflate.on('error', (error) => this.#fail(invalidArgument('headers cannot be decompressed', { cause: error })));
  }

  /** Errors: invalidArgument, after which nothing more can be read. */
  async read(block: Buffer): Promise<Headers> {
    this.#parts = [];
    this.#length = 0;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (this.#failed !== undefined) resolve();
      else this.#inflate.write(block, () => this.#inflate.flush(constants.Z_SYNC_FLUSH, () => resolve()));
    });
    this.#drain();
    if (this.#failed !== undefined) throw this.#failed;
    return parsePairs(Buffer.concat(this.#parts));
  }

  close(): void {
    this.#fail(invalidArgument('the connection is closed'));
  }

  /** Takes what is there: of a block that unpacks to more than it may, no more is unpacked than a buffer. */
  #drain(): void {
    for (let part; this.#failed === undefined && (part = this.#inflate.read() as Buffer | null) !== null;) {
      this.#length += part.length;
      if (this.#length > BLOCK_LIMIT) return this.#fail(invalidArgument(`headers of more than ${BLOCK_LIMIT} bytes`));
      this.#parts.push(part);
    }
  }

  #fail(error: Error): void {
    this.#failed ??= error;
    this.#inflate.destroy();
    this.#wake();
  }
}

function parsePairs(bytes: Buffer): Headers {
  let at = 0;
  const number = (): number => {
    if (at + 4 > bytes.length) throw invalidArgument('a block of headers ends early');
    at += 4;
    return bytes.readUInt32BE(at - 4);
  };
  const text = (): string => {
    const length = number();
    if (length > bytes.length - at) throw invalidArgument('a block of headers ends early');
    at += length;
    return bytes.toString('utf8', at - length, at);
  };
  const count = number();
  if (count > PAIR_LIMIT) throw invalidArgument(`${count} headers, more than ${PAIR_LIMIT}`);
  const headers = new Map<string, string>();
  for (let index = 0; index < count; index += 1) {
    const name = text().toLowerCase();
    const value = text();
    if (!headers.has(name)) headers.set(name, value.split('\0', 1)[0] ?? '');
  }
  if (at !== bytes.length) throw invalidArgument('a block of headers has more than its pairs');
  return headers;
}

/** A zlib stream of the widest window without a dictionary, whose blocks are stored as they are (RFC 1950, 1951). */
const ZLIB_HEAD = Buffer.from([0x78, 0x01]);
/** An empty block, as a compressor that is flushed ends with: Go's reader gives out what stands before it only then. */
const FLUSHED = Buffer.from([0, 0, 0, 0xff, 0xff]);

/** Writes the header blocks of one direction. They are few and short, so they are stored: no compressor's memory, nothing to wait for. */
export class HeaderWriter {
  #begun = false;

  write(headers: Headers): Buffer {
    const count = Buffer.alloc(4);
    count.writeUInt32BE(headers.size);
    const pairs = Buffer.concat([count, ...[...headers].flatMap(([name, value]) => [lengthAnd(name), lengthAnd(value)])]);
    const head = Buffer.alloc(5); // not the last block, stored; its length, and that again with all bits turned
    head.writeUInt16LE(pairs.length, 1);
    head.writeUInt16LE(~pairs.length & 0xffff, 3);
    const block = Buffer.concat([...(this.#begun ? [] : [ZLIB_HEAD]), head, pairs, FLUSHED]);
    this.#begun = true;
    return block;
  }
}

function lengthAnd(text: string): Buffer {
  const bytes = Buffer.from(text);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
