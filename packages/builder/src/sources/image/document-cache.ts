/** Documents that were read lately, by digest. They are kept apart by repository and by who read them: what one client may see another may not. */
export class DocumentCache {
  private readonly kept = new Map<string, Promise<Buffer>>();
  private bytes = 0;

  constructor(private readonly limit = 16 << 20) {}

  put(scope: string, digest: string, bytes: Buffer): void {
    this.keep(`${scope} ${digest}`, Promise.resolve(bytes), bytes.length);
  }

  async of(scope: string, digest: string, read: () => Promise<Buffer>): Promise<Buffer> {
    const key = `${scope} ${digest}`;
    const known = this.kept.get(key);
    if (known !== undefined) return known;
    const reading = read();
    this.kept.set(key, reading);
    try {
      const bytes = await reading;
      this.keep(key, reading, bytes.length);
      return bytes;
    } catch (error) {
      this.kept.delete(key);
      throw error;
    }
  }

  /** All goes when there is too much: what is needed is read again. */
  private keep(key: string, bytes: Promise<Buffer>, size: number): void {
    this.bytes += size;
    if (this.bytes > this.limit) {
      this.kept.clear();
      this.bytes = size;
    }
    this.kept.set(key, bytes);
  }
}
