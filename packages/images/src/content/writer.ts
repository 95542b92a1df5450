import { createHash, type Hash } from 'node:crypto';
import { closeSync, fstatSync, ftruncateSync, openSync, read, writev, writevSync } from 'node:fs';
import { promisify } from 'node:util';
import { dataLoss, outOfRange, spent } from '@gantry/rpc';

const readAt = promisify(read);
const writeParts = promisify(writev);

/** Bytes that may wait for the disk before a writer is held back. */
const PENDING_LIMIT = 8 << 20;
/** Bytes that are worth a write of their own: waking the thread that writes costs more than copying a network read's few KiB. */
const BATCH = 1 << 20;
/** Bytes that are given to the kernel at once: most blobs are documents, for which waking a thread takes longer. */
const SMALL = 64 << 10;

/**
 * Appends to one ingest file and hashes on the way. Calls must not overlap. Writes to disk run behind the caller, bounded; the first
 * failure is thrown by the next call.
 */
export class BlobWriter {
  private pending = 0;
  /** Not yet given to the kernel. */
  private batch: Uint8Array[] = [];
  private batched = 0;
  /** Of the batch: what is freed once it is written. */
  private given: Uint8Array[] = [];
  private writing = false;
  private draining = false;
  private failure: Error | undefined;
  private wake: (() => void) | undefined;
  /** Told how many bytes the file has, after each write. */
  onWritten: ((bytes: number) => void) | undefined;
  private written = 0;
  /** Digest of what another program wrote. */
  private told: string | undefined;

  private constructor(
    private readonly file: number,
    private hash: Hash,
    private position: number,
  ) {}

  /** Opens for appending; what is there already is read once to take its hash. */
  static async open(path: string): Promise<BlobWriter> {
    const file = openSync(path, 'a+', 0o600);
    const hash = createHash('sha256');
    let position = 0;
    try {
      const { size } = fstatSync(file);
      const buffer = Buffer.allocUnsafe(Math.min(size, 1 << 20));
      while (position < size) {
        const { bytesRead } = await readAt(file, buffer, 0, buffer.length, position);
        if (bytesRead === 0) break;
        hash.update(buffer.subarray(0, bytesRead));
        position += bytesRead;
      }
      const writer = new BlobWriter(file, hash, position);
      writer.written = position;
      return writer;
    } catch (error) {
      closeSync(file);
      throw error;
    }
  }

  get offset(): number {
    return this.position;
  }

  /** Digest of everything so far; writing may go on. */
  digest(): string {
    return this.told ?? `sha256:${this.hash.copy().digest('hex')}`;
  }

  /** The bytes are kept until they are written: the caller must not change them. given: nobody needs them afterwards, and their memory is freed. */
  async write(data: Uint8Array, { given = false }: { readonly given?: boolean } = {}): Promise<void> {
    if (data.length === 0) return;
    this.hash.update(data);
    this.position += data.length;
    this.pending += data.length;
    this.batch.push(data);
    this.batched += data.length;
    if (given) this.given.push(data);
    if (this.batched >= BATCH && !this.writing) void this.flush();
    while (this.pending > PENDING_LIMIT && this.failure === undefined) await new Promise<void>((resolve) => (this.wake = resolve));
    if (this.failure !== undefined) throw this.failure;
  }

  /** Another program wrote the file from its beginning to its end, and tells what it wrote. Nothing may be written afterwards. */
  async filled(digest: string, size: number): Promise<void> {
    const there = fstatSync(this.file).size;
    if (there !== size) throw dataLoss(`${size} bytes were to be written, the file has ${there}`);
    this.told = digest;
    this.position = size;
    this.written = size;
  }

  /** Cuts back to an earlier offset (0 starts anew). Only offset 0 is cheap. */
  async truncate(to: number): Promise<void> {
    if (to !== 0) throw outOfRange(`offset ${to} is not the ingest's offset ${this.position}`);
    await this.drain();
    ftruncateSync(this.file, 0);
    this.hash = createHash('sha256');
    this.told = undefined;
    this.position = 0;
    this.written = 0;
  }

  /** Waits until every byte is with the kernel. */
  async drain(): Promise<void> {
    this.draining = true;
    if (!this.writing && this.batched > 0) void this.flush();
    while (this.pending > 0 && this.failure === undefined) await new Promise<void>((resolve) => (this.wake = resolve));
    this.draining = false;
    if (this.failure !== undefined) throw this.failure;
  }

  async close(): Promise<void> {
    await this.drain().catch(() => undefined); // the failure was or will be thrown to the writer of the bytes
    closeSync(this.file);
  }

  /** Writes what waits, and what comes meanwhile as long as it is worth a write. Never rejects: a failure is thrown by the next call. */
  private async flush(): Promise<void> {
    this.writing = true;
    try {
      do {
        let parts = this.batch;
        const { batched: size, given } = this;
        this.batch = [];
        this.batched = 0;
        this.given = [];
        for (let left = size; left > 0;) {
          const bytesWritten = size <= SMALL ? writevSync(this.file, parts) : (await writeParts(this.file, parts)).bytesWritten;
          left -= bytesWritten;
          if (left > 0) parts = after(parts, bytesWritten);
        }
        for (const data of given) spent(data);
        this.written += size;
        this.pending -= size;
        this.onWritten?.(this.written);
        this.wake?.();
      } while (this.batched >= BATCH || (this.draining && this.batched > 0));
    } catch (error) {
      this.failure = error as Error;
      this.wake?.();
    } finally {
      this.writing = false;
    }
  }
}

/** What is left of the parts when count bytes of them are written. */
function after(parts: readonly Uint8Array[], count: number): Uint8Array[] {
  const rest: Uint8Array[] = [];
  let skip = count;
  for (const part of parts) {
    if (skip < part.length) rest.push(part.subarray(skip));
    skip = Math.max(0, skip - part.length);
  }
  return rest;
}
