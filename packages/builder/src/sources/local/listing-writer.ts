import { type FileHandle, open } from 'node:fs/promises';
import { DIGEST, digestsOf, HEAD, type ListingReader, type Taken } from './listing';

/** Bytes of stats that are gathered. */
const GATHERED = 1 << 20;

/** Writes the list of a tree, in the order of the walk. Digests become known later, in any order. */
export class ListingWriter {
  private parts: Buffer[] = [];
  private bytes = 0;
  private count = 0;
  private digests = Buffer.alloc(DIGEST * 1024);

  private constructor(
    private readonly path: string,
    private readonly file: FileHandle,
  ) {}

  /** A list that begins as another one does. */
  static async create(path: string, { before, taken }: { readonly before: ListingReader; readonly taken: Taken }): Promise<ListingWriter> {
    const writer = new ListingWriter(path, await open(path, 'wx', 0o600));
    try {
      await writer.copy(before, taken);
      return writer;
    } catch (error) {
      await writer.abandon();
      throw error;
    }
  }

  /** Whether `flush` should be awaited before more is added. */
  get full(): boolean {
    return this.bytes >= GATHERED;
  }

  /** The number of the file in the list. */
  add(stat: Buffer): number {
    const head = Buffer.allocUnsafe(HEAD);
    head.writeUInt32LE(stat.length);
    this.parts.push(head, stat);
    this.bytes += head.length + stat.length;
    this.makeRoom(this.count + 1);
    return this.count++;
  }

  setDigest(at: number, digest: Buffer): void {
    digest.copy(this.digests, at * DIGEST);
  }

  async flush(): Promise<void> {
    const bytes = Buffer.concat(this.parts, this.bytes);
    this.parts = [];
    this.bytes = 0;
    await this.file.appendFile(bytes);
  }

  /** What was written can be read afterwards; `ontoDisk` makes it last. */
  async end(): Promise<void> {
    await this.flush();
    await this.file.close();
    const digests = await open(digestsOf(this.path), 'wx', 0o600);
    try {
      await digests.appendFile(this.digests.subarray(0, this.count * DIGEST));
    } finally {
      await digests.close();
    }
  }

  async abandon(): Promise<void> {
    await this.file.close();
  }

  private async copy(before: ListingReader, { bytes, count }: Taken): Promise<void> {
    for await (const chunk of before.bytesOf(bytes)) await this.file.appendFile(chunk);
    this.makeRoom(count);
    before.digestsOf(count).copy(this.digests);
    this.count = count;
  }

  private makeRoom(count: number): void {
    if (count * DIGEST <= this.digests.length) return;
    const more = Buffer.alloc(Math.max(this.digests.length * 2, count * DIGEST));
    this.digests.copy(more);
    this.digests = more;
  }
}
