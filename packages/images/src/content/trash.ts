import { renameSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '@gantry/rpc';
import type { Database } from '../store/database';
import type { ContentPaths } from './paths';

/** Where blobs go that no namespace lists any more. */
export class Trash {
  private count = 0;

  constructor(
    private readonly db: Database,
    private readonly paths: ContentPaths,
    private readonly logger: Logger,
  ) {}

  /** Removes the files of those of the digests that nobody lists. Synchronous renames, so that no new upload of the digest comes between. */
  take(digests: readonly string[]): void {
    const gone = this.db.transaction(() =>
      digests.filter(
        (digest) =>
          this.db.run('DELETE FROM blobs WHERE digest = ? AND NOT EXISTS (SELECT 1 FROM content c WHERE c.digest = blobs.digest)', digest) >
          0,
      ),
    );
    for (const digest of gone) {
      const trash = join(this.paths.trash, String(++this.count));
      try {
        renameSync(this.paths.blob(digest), trash);
      } catch (error) {
        this.logger.warn({ digest, err: error }, 'blob file was missing when it was dropped');
        continue;
      }
      rm(trash, { force: true }).catch((error: unknown) => this.logger.warn({ trash, err: error }, 'blob file not removed'));
    }
  }
}
