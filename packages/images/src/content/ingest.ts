import { rmSync } from 'node:fs';
import { failedPrecondition, notFound, unavailable } from '@gantry/rpc';
import type { Labels } from '../store/labels';
import type { Scope } from '../store/namespaced';
import { microsAfter } from '../store/time';
import type { IngestRecord } from './ingests';
import type { ContentInfo } from './records';
import type { BlobWriter } from './writer';

/** What an upload needs of who keeps the uploads. */
export interface IngestKeeper {
  /** The file that grows. */
  pathOf(record: IngestRecord | undefined): string;
  /** The ref is free again. */
  release(scope: Scope, ref: string): void;
  /** When the upload was written to last, for who resumes it. */
  touch(record: IngestRecord, updated: number): void;
  /** The finished file becomes the blob. */
  adopt(scope: Scope, record: IngestRecord, digest: string, size: number, labels: Labels): Promise<ContentInfo>;
  /** Forgets the record unless it was committed or begun anew; whether it did. */
  drop(scope: Scope, record: IngestRecord): boolean;
}

/** One open upload. Always `discard()` or `release()` in the end; both are harmless after a commit. */
export class Ingest {
  private record: IngestRecord | undefined;
  private writer: BlobWriter | undefined;
  private lastWrite = 0;

  constructor(
    private readonly keeper: IngestKeeper,
    private readonly scope: Scope,
    readonly ref: string,
  ) {}

  begin(record: IngestRecord, writer: BlobWriter): void {
    this.record = record;
    this.writer = writer;
    this.lastWrite = record.updated;
  }

  get offset(): number {
    return this.writer?.offset ?? 0;
  }

  get started(): number {
    return this.record?.started ?? 0;
  }

  /** When it was begun, or written to last: microseconds since the epoch. */
  get updated(): number {
    return this.lastWrite;
  }

  get total(): number {
    return this.record?.total ?? 0;
  }

  /** Throws unavailable when somebody else aborted it. */
  requireOpen(): void {
    this.opened();
  }

  digest(): string {
    return this.opened().digest();
  }

  /** given: see BlobWriter.write. */
  write(data: Uint8Array, how?: { readonly given?: boolean }): Promise<void> {
    this.lastWrite = microsAfter(this.lastWrite);
    return this.opened().write(data, how);
  }

  /** See BlobWriter.filled: the program wrote to `path`, after truncate(0). */
  filled(digest: string, size: number): Promise<void> {
    this.lastWrite = microsAfter(this.lastWrite);
    return this.opened().filled(digest, size);
  }

  /** Waits until every byte is in the file. */
  drain(): Promise<void> {
    return this.opened().drain();
  }

  /** Told how many bytes the file has, while it grows. */
  watch(listener: ((bytes: number) => void) | undefined): void {
    this.opened().onWritten = listener;
  }

  /** The file that grows, for a reader in this service. */
  get path(): string {
    return this.keeper.pathOf(this.record);
  }

  truncate(offset: number): Promise<void> {
    this.lastWrite = microsAfter(this.lastWrite);
    return this.opened().truncate(offset);
  }

  /** size 0 and expected "" are not checked. A mismatch leaves the ingest for the caller to abort. */
  async commit(size: number, expected: string, labels: Labels): Promise<ContentInfo> {
    const { record } = this;
    const writer = this.opened();
    await writer.drain();
    if (size > 0 && writer.offset !== size) throw failedPrecondition(`unexpected commit size ${writer.offset}, expected ${size}`);
    const digest = writer.digest();
    const wanted = expected === '' ? (record?.expected ?? '') : expected;
    if (wanted !== '' && wanted !== digest) throw failedPrecondition(`unexpected commit digest ${digest}, expected ${wanted}`);
    if (record === undefined) throw notFound(`ingest ${this.ref}: not found`);
    await this.close();
    return this.keeper.adopt(this.scope, record, digest, writer.offset, labels);
  }

  /** Closes the writer and keeps the bytes for a later resume. */
  async release(): Promise<void> {
    const { record } = this;
    if ((await this.close()) && record !== undefined && this.lastWrite > record.updated) this.keeper.touch(record, this.lastWrite);
  }

  /** Closes the writer and drops the bytes, unless they were committed. */
  async discard(): Promise<void> {
    await this.close();
    const { record } = this;
    this.record = undefined;
    if (record !== undefined && this.keeper.drop(this.scope, record)) rmSync(this.keeper.pathOf(record), { force: true });
  }

  /** Whether there was a writer to close. */
  private async close(): Promise<boolean> {
    const { writer } = this;
    if (writer === undefined) return false;
    this.writer = undefined;
    await writer.close();
    this.keeper.release(this.scope, this.ref);
    return true;
  }

  private opened(): BlobWriter {
    if (this.writer === undefined) throw unavailable(`ingest ${this.ref} is closed`);
    return this.writer;
  }
}
