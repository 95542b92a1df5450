import { open } from 'node:fs/promises';
import type { Logger } from '@gantry/rpc';
import type { Database } from '../store/database';
import type { ContentPaths } from './paths';
import type { ContentTable } from './records';

/** Milliseconds that a committed blob may wait before its flush begins. */
const FLUSH_MS = 2000;

/**
 * Blobs are flushed a while behind the caller, so that the disk is free for what the caller does next, and one that is removed at once never reaches
 * it. One that was not flushed when the power went is checked by its digest at the next start.
 */
export class Flusher {
  private flushing: Promise<void> = Promise.resolve();
  private readonly unflushed = new Set<string>();
  private timer: NodeJS.Timeout | undefined;
  private ended = false;

  constructor(
    private readonly db: Database,
    private readonly table: ContentTable,
    private readonly paths: ContentPaths,
    private readonly logger: Logger,
  ) {}

  later(digest: string): void {
    this.unflushed.add(digest);
    if (!this.ended) this.timer ??= setTimeout(() => this.now(), FLUSH_MS).unref();
  }

  /** Flushes for the last time: the store is closed next. What is committed after that is checked at the next start. */
  async end(): Promise<void> {
    this.ended = true;
    this.now();
    await this.flushing;
  }

  private now(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const digests = [...this.unflushed];
    this.unflushed.clear();
    this.flushing = this.flushing.then(async () => {
      const done: string[] = [];
      for (const digest of digests) if (await this.flush(digest)) done.push(digest);
      this.note(done);
    });
  }

  /** Not durable: a blob of which it is lost is checked once more. One that is waiting again was removed and came again meanwhile. */
  private note(digests: readonly string[]): void {
    if (digests.length === 0) return;
    try {
      const write = (): void => {
        for (const digest of digests) if (!this.unflushed.has(digest)) this.db.run('UPDATE blobs SET synced = 1 WHERE digest = ?', digest);
      };
      this.db.transaction(write, { durable: false });
    } catch (error) {
      this.logger.warn({ blobs: digests.length, err: error }, 'flushed blobs are not noted');
    }
  }

  private async flush(digest: string): Promise<boolean> {
    if (this.table.sharedSize(digest) === undefined) return false;
    try {
      const file = await open(this.paths.blob(digest), 'r');
      try {
        await file.datasync();
      } finally {
        await file.close();
      }
      return true;
    } catch (error) {
      if (this.table.sharedSize(digest) !== undefined) this.logger.warn({ digest, err: error }, 'blob not flushed');
      return false;
    }
  }
}
