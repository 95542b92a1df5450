import { existsSync, renameSync, rmSync, statSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { alreadyExists, failedPrecondition, invalidArgument, type Logger, notFound, outOfRange, unavailable } from '@gantry/rpc';
import type { Database } from '../store/database';
import type { Filter } from '../store/filters';
import type { Labels } from '../store/labels';
import type { LeaseTable } from '../store/leases';
import type { Scope } from '../store/namespaced';
import { type IngestRecord, IngestTable } from './ingests';
import { checkDigest, type ContentPaths } from './paths';
import { type ContentInfo, ContentTable } from './records';
import { BlobWriter } from './writer';

const INGEST_DAY = 86_400_000;

export interface IngestStatus extends IngestRecord {
  readonly offset: number;
}

/** Milliseconds that a committed blob may wait before its flush begins. */
const FLUSH_MS = 2000;

/** Blobs by digest, and the uploads that become blobs. One writer a ref; a broken upload keeps its bytes until it is resumed or aborted. */
export class ContentStore {
  readonly table: ContentTable;
  readonly ingests: IngestTable;
  private readonly open = new Map<string, Ingest>();
  private flushing: Promise<void> = Promise.resolve();
  private readonly unflushed = new Set<string>();
  private flushTimer: NodeJS.Timeout | undefined;
  private trashed = 0;

  constructor(
    readonly db: Database,
    private readonly leases: LeaseTable,
    readonly paths: ContentPaths,
    readonly boot: string,
    private readonly logger: Logger,
  ) {
    this.table = new ContentTable(db);
    this.ingests = new IngestTable(db);
  }

  info(scope: Scope, digest: string): ContentInfo {
    return this.table.get(scope, checkDigest(digest));
  }

  has(scope: Scope, digest: string): boolean {
    return this.table.find(scope, digest) !== undefined;
  }

  list(scope: Scope, filter: Filter): ContentInfo[] {
    return this.table.list(scope, filter);
  }

  setLabels(scope: Scope, digest: string, labels: Labels): void {
    this.table.update(
      scope,
      digest,
      labels,
      Object.keys(labels).map((key) => `labels.${key}`),
    );
  }

  /** Puts known content under the call's lease. */
  hold(scope: Scope, digest: string): void {
    this.leases.hold(scope, { type: 'content', id: digest });
  }

  delete(scope: Scope, digest: string): void {
    this.db.transaction(() => {
      this.info(scope, digest);
      this.db.run('DELETE FROM content WHERE ns = ? AND digest = ?', scope.namespace, digest);
      this.leases.drop(scope, { type: 'content', id: digest });
    });
    this.dropUnused([digest]);
  }

  /** Removes the files of blobs that no namespace lists any more. Synchronous renames, so that no new upload of the digest comes between. */
  dropUnused(digests: readonly string[]): void {
    const gone = this.db.transaction(() =>
      digests.filter(
        (digest) =>
          this.db.run('DELETE FROM blobs WHERE digest = ? AND NOT EXISTS (SELECT 1 FROM content c WHERE c.digest = blobs.digest)', digest) >
          0,
      ),
    );
    for (const digest of gone) {
      const trash = join(this.paths.trash, String(++this.trashed));
      try {
        renameSync(this.paths.blob(digest), trash);
      } catch (error) {
        this.logger.warn({ digest, err: error }, 'blob file was missing when it was dropped');
        continue;
      }
      rm(trash, { force: true }).catch((error: unknown) => this.logger.warn({ trash, err: error }, 'blob file not removed'));
    }
  }

  /** Reads size bytes from offset (size 0: to the end). The file stays readable even if the blob is deleted meanwhile. */
  async *read(scope: Scope, digest: string, offset = 0, size = 0, chunk = 1 << 20): AsyncGenerator<Buffer> {
    const info = this.info(scope, digest);
    if (offset < 0 || offset > info.size) throw outOfRange(`offset ${offset} is outside of content ${digest} (${info.size} bytes)`);
    if (size < 0 || offset + size > info.size)
      throw outOfRange(`${size} bytes at ${offset} reach beyond content ${digest} (${info.size} bytes)`);
    const end = size === 0 ? info.size : offset + size;
    const file = await open(this.paths.blob(digest), 'r');
    try {
      for (let at = offset; at < end;) {
        const buffer = Buffer.allocUnsafe(Math.min(chunk, end - at));
        const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
        if (bytesRead === 0) throw failedPrecondition(`content ${digest} is shorter on disk than recorded`);
        at += bytesRead;
        yield buffer.subarray(0, bytesRead);
      }
    } finally {
      await file.close();
    }
  }

  /** A whole small blob (a manifest, a configuration). */
  async readAll(scope: Scope, digest: string, limit = 4 << 20): Promise<Buffer> {
    const { size } = this.info(scope, digest);
    if (size > limit) throw failedPrecondition(`content ${digest} has ${size} bytes, more than the ${limit} allowed here`);
    const parts: Buffer[] = [];
    for await (const part of this.read(scope, digest)) parts.push(part);
    return Buffer.concat(parts);
  }

  status(scope: Scope, ref: string): IngestStatus {
    const record = this.ingests.get(scope, ref);
    return { ...record, offset: this.offsetOf(scope, record) };
  }

  statuses(scope: Scope, filter: Filter): IngestStatus[] {
    return this.ingests
      .list(scope)
      .filter((record) => filter((path) => (path[0] === 'ref' ? record.ref : undefined)))
      .map((record) => ({ ...record, offset: this.offsetOf(scope, record) }));
  }

  async abort(scope: Scope, ref: string): Promise<void> {
    const record = this.ingests.get(scope, ref);
    if (this.open.has(key(scope, ref))) throw unavailable(`ref ${ref} is locked by a writer`);
    this.ingests.delete(record.id);
    this.leases.drop(scope, { type: 'ingests', id: ref });
    await rm(this.paths.ingest(record.id), { force: true });
  }

  isOpen(scope: Scope, ref: string): boolean {
    return this.open.has(key(scope, ref));
  }

  /** Uploads that nobody has open, no lease holds, and nobody has written to for a day, as containerd lets them expire. now: milliseconds. */
  staleIngests(now: number): { readonly ns: string; readonly ref: string }[] {
    const rows = this.db.all<{ id: number; ns: string; ref: string }>(
      "SELECT i.id, i.ns, i.ref FROM ingests i WHERE NOT EXISTS (SELECT 1 FROM lease_resources r WHERE r.ns = i.ns AND r.type = 'ingests' AND r.id = i.ref)",
    );
    return rows.filter(({ id, ns, ref }) => {
      const path = this.paths.ingest(id);
      return !this.isOpen({ namespace: ns }, ref) && existsSync(path) && now - statSync(path).mtimeMs > INGEST_DAY;
    });
  }

  /**
   * Opens the one writer of a ref, resuming what is there. Fails with alreadyExists when the expected content is there, with
   * unavailable when another writer holds the ref.
   */
  async ingest(scope: Scope, ref: string, total = 0, expected = ''): Promise<Ingest> {
    if (ref === '') throw invalidArgument('ingest ref is empty');
    if (expected !== '') this.refuseKnown(scope, checkDigest(expected));
    const name = key(scope, ref);
    if (this.open.has(name)) throw unavailable(`ref ${ref} is locked by another writer`);
    const holder = new Ingest(this, scope, ref);
    this.open.set(name, holder);
    try {
      const old = this.ingests.find(scope, ref);
      if (old !== undefined && total > 0 && old.total > 0 && old.total !== total)
        throw failedPrecondition(`ref ${ref} was begun with a total of ${old.total}, not ${total}`);
      const record =
        old ??
        this.db.transaction(() => {
          this.leases.hold(scope, { type: 'ingests', id: ref });
          return this.ingests.create(scope, ref, total, expected);
        });
      await holder.begin(record, await BlobWriter.open(this.paths.ingest(record.id)));
      return holder;
    } catch (error) {
      this.open.delete(name);
      throw error;
    }
  }

  /** A blob in one piece; known content is fine. */
  async put(scope: Scope, data: Uint8Array, expected: string, labels: Labels = {}): Promise<void> {
    try {
      const ingest = await this.ingest(scope, `put-${expected}-${++this.trashed}`, data.length, expected);
      try {
        await ingest.write(data);
        await ingest.commit(data.length, expected, labels);
      } finally {
        await ingest.discard();
      }
    } catch (error) {
      if (!isExisting(error)) throw error;
      this.leases.hold(scope, { type: 'content', id: expected });
      if (Object.keys(labels).length > 0) this.setLabels(scope, expected, labels);
    }
  }

  /** For Ingest only: the ref is free again. */
  release(scope: Scope, ref: string): void {
    this.open.delete(key(scope, ref));
  }

  /** For Ingest only: the finished file becomes the blob. */
  async adopt(scope: Scope, record: IngestRecord, digest: string, size: number, labels: Labels): Promise<ContentInfo> {
    const from = this.paths.ingest(record.id);
    if (this.table.find(scope, digest) !== undefined) {
      this.leases.hold(scope, { type: 'content', id: digest }); // before anything is awaited: a collection may be due
      this.forget(scope, record);
      await rm(from, { force: true });
      throw alreadyExists(`content ${digest}: already exists`);
    }
    const known = this.table.sharedSize(digest) !== undefined;
    if (!known) renameSync(from, this.paths.blob(digest));
    const info = this.db.transaction(() => {
      if (!known) this.db.run('INSERT INTO blobs (digest, size, synced, boot) VALUES (?, ?, 0, ?)', digest, size, this.boot);
      this.forget(scope, record);
      const leased = this.leases.hold(scope, { type: 'content', id: digest });
      return this.table.insert(scope, digest, labels, leased);
    });
    if (known) await rm(from, { force: true });
    else this.flushLater(digest);
    return info;
  }

  /** Resolves when every blob committed so far is flushed to the disk. */
  async flushed(): Promise<void> {
    this.flushNow();
    await this.flushing;
  }

  /**
   * Blobs are flushed a while behind the caller, so that the disk is free for what the caller does next, and one that is removed at once never reaches
   * it. One that was not flushed when the power went is checked by its digest at the next start.
   */
  private flushLater(digest: string): void {
    this.unflushed.add(digest);
    this.flushTimer ??= setTimeout(() => this.flushNow(), FLUSH_MS).unref();
  }

  private flushNow(): void {
    clearTimeout(this.flushTimer);
    this.flushTimer = undefined;
    const digests = [...this.unflushed];
    this.unflushed.clear();
    this.flushing = this.flushing.then(async () => {
      for (const digest of digests) await this.flush(digest);
    });
  }

  private async flush(digest: string): Promise<void> {
    if (this.table.sharedSize(digest) === undefined) return;
    try {
      const file = await open(this.paths.blob(digest), 'r');
      try {
        await file.datasync();
      } finally {
        await file.close();
      }
      if (!this.unflushed.has(digest)) this.db.run('UPDATE blobs SET synced = 1 WHERE digest = ?', digest); // else it was removed and came again meanwhile
    } catch (error) {
      if (this.table.sharedSize(digest) !== undefined) this.logger.warn({ digest, err: error }, 'blob not flushed');
    }
  }

  private forget(scope: Scope, record: IngestRecord): void {
    this.ingests.delete(record.id);
    this.leases.drop(scope, { type: 'ingests', id: record.ref });
  }

  /** Content that another namespace has is shared: it only needs a record. */
  private refuseKnown(scope: Scope, expected: string): void {
    if (!this.has(scope, expected)) {
      if (this.table.sharedSize(expected) === undefined) return;
      this.db.transaction(() => this.table.insert(scope, expected, {}, this.leases.hold(scope, { type: 'content', id: expected })));
    } else {
      this.leases.hold(scope, { type: 'content', id: expected });
    }
    throw alreadyExists(`content ${expected}: already exists`);
  }

  private offsetOf(scope: Scope, record: IngestRecord): number {
    const writer = this.open.get(key(scope, record.ref));
    if (writer !== undefined) return writer.offset;
    const path = this.paths.ingest(record.id);
    return existsSync(path) ? statSync(path).size : 0;
  }
}

/** One open upload. Always `discard()` or `release()` in the end; both are harmless after a commit. */
export class Ingest {
  private record: IngestRecord | undefined;
  private writer: BlobWriter | undefined;

  constructor(
    private readonly store: ContentStore,
    private readonly scope: Scope,
    readonly ref: string,
  ) {}

  begin(record: IngestRecord, writer: BlobWriter): Promise<void> {
    this.record = record;
    this.writer = writer;
    return Promise.resolve();
  }

  get offset(): number {
    return this.writer?.offset ?? 0;
  }

  get started(): number {
    return this.record?.started ?? 0;
  }

  get total(): number {
    return this.record?.total ?? 0;
  }

  digest(): string {
    return this.opened().digest();
  }

  write(data: Uint8Array): Promise<void> {
    return this.opened().write(data);
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
    return this.store.paths.ingest(this.record?.id ?? 0);
  }

  truncate(offset: number): Promise<void> {
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
    await this.release();
    return this.store.adopt(this.scope, record, digest, writer.offset, labels);
  }

  /** Closes the writer and keeps the bytes for a later resume. */
  async release(): Promise<void> {
    const { writer } = this;
    if (writer === undefined) return;
    this.writer = undefined;
    await writer.close();
    this.store.release(this.scope, this.ref);
  }

  /** Closes the writer and drops the bytes, unless they were committed. */
  async discard(): Promise<void> {
    await this.release();
    const { record } = this;
    this.record = undefined;
    if (record === undefined || this.store.ingests.find(this.scope, this.ref)?.id !== record.id) return;
    this.store.db.transaction(() => this.store.ingests.delete(record.id));
    rmSync(this.store.paths.ingest(record.id), { force: true });
  }

  private opened(): BlobWriter {
    if (this.writer === undefined) throw unavailable(`ingest ${this.ref} is closed`);
    return this.writer;
  }
}

const key = (scope: Scope, ref: string): string => `${scope.namespace}\0${ref}`;

export function isExisting(error: unknown): boolean {
  return (error as { kind?: string } | null)?.kind === 'alreadyExists';
}
