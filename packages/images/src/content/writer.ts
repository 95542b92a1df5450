import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { outOfRange } from '@gantry/rpc';

/** Bytes that may wait for the disk before a writer is held back. */
const PENDING_LIMIT = 8 << 20;

/**
 * Appends to one ingest file and hashes on the way. Calls must not overlap. Writes to disk run behind the caller, bounded; the first
 * failure is thrown by the next call.
 */
export class BlobWriter {
  private pending = 0;
  private failure: Error | undefined;
  private wake: (() => void) | undefined;
  /** Told how many bytes the file has, after each write. */
  onWritten: ((bytes: number) => void) | undefined;
  private written = 0;

  private constructor(
    private readonly file: FileHandle,
    private hash: Hash,
    private position: number,
  ) {}

  /** Opens for appending; what is there already is read once to take its hash. */
  static async open(path: string): Promise<BlobWriter> {
    const file = await open(path, 'a+', 0o600);
    const hash = createHash('sha256');
    let position = 0;
    try {
      const { size } = await file.stat();
      const buffer = Buffer.allocUnsafe(Math.min(size, 1 << 20));
      while (position < size) {
        const { bytesRead } = await file.read(buffer, 0, buffer.length, position);
        if (bytesRead === 0) break;
        hash.update(buffer.subarray(0, bytesRead));
        position += bytesRead;
      }
      const writer = new BlobWriter(file, hash, position);
      writer.written = position;
      return writer;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  get offset(): number {
    return this.position;
  }

  /** Digest of everything so far; writing may go on. */
  digest(): string {
    return `sha256:${this.hash.copy().digest('hex')}`;
  }

  async write(data: Uint8Array): Promise<void> {
    if (data.length === 0) return;
    this.hash.update(data);
    this.position += data.length;
    this.pending += data.length;
    void this.append(data);
    while (this.pending > PENDING_LIMIT && this.failure === undefined) await new Promise<void>((resolve) => (this.wake = resolve));
    if (this.failure !== undefined) throw this.failure;
  }

  /** Cuts back to an earlier offset (0 starts anew). Only offset 0 is cheap. */
  async truncate(to: number): Promise<void> {
    if (to !== 0) throw outOfRange(`offset ${to} is not the ingest's offset ${this.position}`);
    await this.drain();
    await this.file.truncate(0);
    this.hash = createHash('sha256');
    this.position = 0;
    this.written = 0;
  }

  /** Waits until every byte is with the kernel. */
  async drain(): Promise<void> {
    while (this.pending > 0 && this.failure === undefined) await new Promise<void>((resolve) => (this.wake = resolve));
    if (this.failure !== undefined) throw this.failure;
  }

  async close(): Promise<void> {
    await this.drain().catch(() => undefined); // the failure was or will be thrown to the writer of the bytes
    await this.file.close();
  }

  private queue: Promise<void> = Promise.resolve();

  private async append(data: Uint8Array): Promise<void> {
    this.queue = this.queue.then(async () => {
      if (this.failure !== undefined) return;
      try {
        await this.file.writev([data]);
        this.written += data.length;
        this.onWritten?.(this.written);
      } catch (error) {
        this.failure = error as Error;
      }
      this.pending -= data.length;
      this.wake?.();
    });
    await this.queue;
  }
}
