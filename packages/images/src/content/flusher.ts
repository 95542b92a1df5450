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

  constructor(
    private readonly db: Database,
    private readonly table: ContentTable,
    private readonly paths: ContentPaths,
    private readonly logger: Logger,
  ) {}

  later(digest: string): void {
    this.unflushed.add(digest);
    this.timer ??= setTimeout(() => this.now(), FLUSH_MS).unref();
  }

  /** Resolves when every blob committed so far is flushed to the disk. */
  async flushed(): Promise<void> {
    this.now();
    await this.flushing;
  }

  private now(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
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
}
