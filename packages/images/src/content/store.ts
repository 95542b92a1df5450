import { open } from 'node:fs/promises';
import { failedPrecondition, isErrorOf, type Logger, outOfRange } from '@gantry/rpc';
import type { Database } from '../store/database';
import type { Matcher } from '@gantry/oci/filter';
import type { Labels } from '../store/labels';
import type { LeaseTable } from '../store/leases';
import type { Scope } from '../store/namespaced';
import { Flusher } from './flusher';
import type { Ingest } from './ingest';
import { checkDigest, type ContentPaths } from './paths';
import { type ContentInfo, ContentTable } from './records';
import { Trash } from './trash';
import { Uploads } from './uploads';

/** Blobs by digest; `uploads` become blobs. */
export class ContentStore {
  readonly table: ContentTable;
  readonly uploads: Uploads;
  private readonly flusher: Flusher;
  private readonly trash: Trash;
  private puts = 0;

  constructor(
    readonly db: Database,
    private readonly leases: LeaseTable,
    readonly paths: ContentPaths,
    readonly boot: string,
    logger: Logger,
  ) {
    this.table = new ContentTable(db);
    this.trash = new Trash(db, paths, logger);
    this.flusher = new Flusher(db, this.table, paths, logger);
    this.uploads = new Uploads({ db, leases, paths, table: this.table, boot, written: (digest) => this.flusher.later(digest) });
  }

  info(scope: Scope, digest: string): ContentInfo {
    return this.table.get(scope, checkDigest(digest));
  }

  has(scope: Scope, digest: string): boolean {
    return this.table.find(scope, digest) !== undefined;
  }

  list(scope: Scope, filter: Matcher): ContentInfo[] {
    return this.table.list(scope, filter);
  }

  setLabels(scope: Scope, digest: string, labels: Labels): void {
    const mask = Object.keys(labels).map((key) => `labels.${key}`);
    this.update(scope, digest, labels, mask);
  }

  /** Labels that are found out again where a power cut takes them back. On the disk with the next write that somebody waits for. */
  note(scope: Scope, digest: string, labels: Labels): void {
    const mask = Object.keys(labels).map((key) => `labels.${key}`);
    this.db.transaction(() => this.table.update(scope, digest, labels, mask), { durable: false });
  }

  /** An empty mask replaces all labels. What is on the disk already is not waited for. */
  update(scope: Scope, digest: string, labels: Labels, mask: readonly string[]): ContentInfo {
    const durable =
      this.leases.durable(scope) && (this.db.behind || !this.has(scope, digest) || changes(this.info(scope, digest), labels, mask));
    return this.db.transaction(() => this.table.update(scope, digest, labels, mask), { durable });
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

  /** Removes the files of blobs that no namespace lists any more. */
  dropUnused(digests: readonly string[]): void {
    this.trash.take(digests);
  }

  /**
   * Reads size bytes from offset (size 0: to the end), or as many of them as there are: a reader need not know how long the content is. The file stays
   * readable even if the blob is deleted meanwhile.
   */
  async *read(scope: Scope, digest: string, offset = 0, size = 0, chunk = 1 << 20): AsyncGenerator<Buffer> {
    const info = this.info(scope, digest);
    const from = Math.max(0, offset);
    if (from > info.size) throw outOfRange(`offset ${offset} is outside of content ${digest} (${info.size} bytes)`);
    const end = size <= 0 ? info.size : Math.min(info.size, from + size);
    const file = await open(this.paths.blob(digest), 'r');
    try {
      for (let at = from; at < end;) {
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

  /** Opens the one writer of a ref; see Uploads.begin. */
  ingest(scope: Scope, ref: string, total = 0, expected = ''): Promise<Ingest> {
    return this.uploads.begin(scope, ref, total, expected);
  }

  /** A blob in one piece; known content is fine. */
  async put(scope: Scope, data: Uint8Array, expected: string, labels: Labels = {}): Promise<void> {
    try {
      const ingest = await this.ingest(scope, `put-${expected}-${++this.puts}`, data.length, expected);
      try {
        await ingest.write(data);
        await ingest.commit(data.length, expected, labels);
      } finally {
        await ingest.discard();
      }
    } catch (error) {
      if (!isExisting(error)) throw error;
      this.hold(scope, expected);
      if (Object.keys(labels).length > 0) this.setLabels(scope, expected, labels);
    }
  }

  /** Flushes every blob that was committed, for the last time: the database is closed next. */
  end(): Promise<void> {
    return this.flusher.end();
  }
}

/** Whether an update changes more than the time of the last one. */
function changes({ labels: now }: ContentInfo, labels: Labels, mask: readonly string[]): boolean {
  const label = (path: string): string => path.slice('labels.'.length);
  return mask.length === 0 || !mask.every((path) => path.startsWith('labels.') && (now[label(path)] ?? '') === (labels[label(path)] ?? ''));
}

export const isExisting = (error: unknown): boolean => isErrorOf(error, 'alreadyExists');
