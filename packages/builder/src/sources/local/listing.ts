import { type FileHandle, open, readFile } from 'node:fs/promises';
import { hasCode } from '@gantry/linux';
import { dataLoss } from '@gantry/rpc';
import { glance, type Glance } from './stat';

const CHUNK = 1 << 20;
const EMPTY = Buffer.alloc(0);
/** Bytes before each stat: its length. */
export const HEAD = 4;
export const DIGEST = 32;
const NONE = Buffer.alloc(DIGEST);

/** Where the digests of a list lie: one of 32 bytes a file, zeros for what has no content. */
export const digestsOf = (path: string): string => `${path}.digests`;
export const listingFiles = (path: string): readonly string[] => [path, digestsOf(path)];

/** One file of a tree as the client told it, byte for byte, and the digest of its content. */
export interface Listed {
  readonly at: Glance;
  readonly stat: Buffer;
  /** SHA-256 of the content of a regular file; undefined for the others. */
  readonly digest: Buffer | undefined;
}

/** The beginning of a list. */
export interface Taken {
  readonly bytes: number;
  readonly count: number;
}

export const NOTHING_TAKEN: Taken = { bytes: 0, count: 0 };

/** Reads a list, a chunk at a time. `peek` is what comes next; when it is undefined and `ended` is not set, `fill` must be awaited. */
export class ListingReader {
  private rest = EMPTY;
  /** Where in `rest` comes what is next. */
  private at = 0;
  /** Bytes of the file that are in `rest`, or were. */
  private read = 0;
  private next: Listed | undefined;
  private count = 0;

  private constructor(
    private readonly file: FileHandle | undefined,
    private readonly digests: Buffer,
    /** Bytes that are in it, as far as that is known. */
    private limit = Infinity,
  ) {}

  /** Undefined where there is no such list. */
  static async open(path: string): Promise<ListingReader | undefined> {
    let file: FileHandle | undefined;
    try {
      file = await open(path, 'r');
      return new ListingReader(file, await readFile(digestsOf(path)));
    } catch (error) {
      await file?.close();
      if (hasCode(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  /** The list of an empty tree. */
  static empty(): ListingReader {
    return new ListingReader(undefined, NONE, 0);
  }

  get ended(): boolean {
    return this.read >= this.limit && this.peek() === undefined;
  }

  /** What was taken so far. */
  get taken(): Taken {
    return { bytes: this.read - (this.rest.length - this.at), count: this.count };
  }

  /** What was taken so far, once more. It is closed with this one. */
  again(): ListingReader {
    return new ListingReader(this.file, this.digests, this.taken.bytes);
  }

  peek(): Listed | undefined {
    const end = this.next === undefined ? this.end() : undefined;
    if (end === undefined) return this.next;
    const stat = this.rest.subarray(this.at + HEAD, end);
    const digest = this.digestAt(this.count);
    this.next = { at: glance(stat), stat, digest: digest.equals(NONE) ? undefined : digest };
    return this.next;
  }

  skip(): void {
    this.at = this.end() ?? this.at;
    this.count++;
    this.next = undefined;
  }

  /** Goes on behind a beginning that is known to be the same. */
  goTo({ bytes, count }: Taken): void {
    this.rest = EMPTY;
    this.at = 0;
    this.read = bytes;
    this.count = count;
    this.next = undefined;
  }

  /** Takes what comes next if it is this, byte for byte (`from` where in the bytes the stat begins). Undefined: more must be read to tell. */
  takeSame(bytes: Buffer, from = 0): boolean | undefined {
    const end = this.end();
    if (end === undefined) return this.read >= this.limit ? false : undefined;
    const begin = this.at + HEAD;
    if (end - begin !== bytes.length - from || this.rest.compare(bytes, from, bytes.length, begin, end) !== 0) return false;
    this.at = end;
    this.count++;
    this.next = undefined;
    return true;
  }

  async fill(): Promise<void> {
    if (this.file === undefined || this.read >= this.limit) return;
    const length = Math.min(CHUNK, this.limit - this.read);
    const { bytesRead, buffer } = await this.file.read(Buffer.allocUnsafe(length), 0, length, this.read);
    if (bytesRead === 0) {
      if (this.at < this.rest.length || this.limit !== Infinity) throw dataLoss('a list of a local source is cut');
      this.limit = this.read;
      return;
    }
    this.read += bytesRead;
    this.rest = Buffer.concat([this.rest.subarray(this.at), buffer.subarray(0, bytesRead)]);
    this.at = 0;
  }

  /** The first bytes of the list. */
  async *bytesOf(count: number): AsyncGenerator<Buffer> {
    for (let at = 0; at < count;) {
      const length = Math.min(CHUNK, count - at);
      const { bytesRead, buffer } = (await this.file?.read(Buffer.allocUnsafe(length), 0, length, at)) ?? { bytesRead: 0, buffer: EMPTY };
      if (bytesRead === 0) throw dataLoss('a list of a local source is cut');
      at += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  }

  /** Digests of the first files, zeros for what has no content. */
  digestsOf(count: number): Buffer {
    return this.digests.subarray(0, count * DIGEST);
  }

  async close(): Promise<void> {
    await this.file?.close();
  }

  /** Where in `rest` ends what comes next; undefined where it is not all there. */
  private end(): number | undefined {
    const left = this.rest.length - this.at;
    if (left < HEAD) return undefined;
    const length = HEAD + this.rest.readUInt32LE(this.at);
    return left < length ? undefined : this.at + length;
  }

  private digestAt(count: number): Buffer {
    const digest = this.digests.subarray(count * DIGEST, (count + 1) * DIGEST);
    if (digest.length !== DIGEST) throw dataLoss('a list of a local source has too few digests');
    return digest;
  }
}
