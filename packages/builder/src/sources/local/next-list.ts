import { type ListingReader, NOTHING_TAKEN, type Taken } from './listing';
import { ListingWriter } from './listing-writer';

/** The list of a tree as it is now: written from the first difference on, beginning as that of the last time does. */
export class NextList {
  private writer: ListingWriter | undefined;
  /** Whether there may be something of it on the disk. */
  begun = false;
  /** How far the list of the last time is that of now. */
  private taken: Taken = NOTHING_TAKEN;
  /** Digests that are not those of the last time, while nothing is written. */
  private readonly digests = new Map<number, Buffer>();

  constructor(
    private readonly path: string,
    private readonly before: ListingReader,
  ) {}

  /** Something that would be written waits. */
  get full(): boolean {
    return this.writer?.full === true;
  }

  /** All that was taken of the last list is in this one. */
  sameSoFar(): void {
    this.taken = this.before.taken;
  }

  /** A file just taken of the last list is as it was: its place. */
  same(stat: Buffer, digest: Buffer | undefined): number {
    if (this.writer === undefined) {
      const { count } = this.taken;
      this.sameSoFar();
      return count;
    }
    const place = this.writer.add(stat);
    if (digest !== undefined) this.writer.setDigest(place, digest);
    return place;
  }

  setDigest(place: number, digest: Buffer): void {
    if (this.writer === undefined) this.digests.set(place, digest);
    else this.writer.setDigest(place, digest);
  }

  /** It is another one than that of the last time. */
  async begin(): Promise<ListingWriter> {
    if (this.writer !== undefined) return this.writer;
    this.begun = true;
    const writer = await ListingWriter.create(this.path, { before: this.before, taken: this.taken });
    for (const [place, digest] of this.digests) writer.setDigest(place, digest);
    return (this.writer = writer);
  }

  async flush(): Promise<void> {
    await this.writer?.flush();
  }

  /** It can be read afterwards. */
  async end(): Promise<void> {
    await (await this.begin()).end();
  }

  async abandon(): Promise<void> {
    await this.writer?.abandon();
  }
}
