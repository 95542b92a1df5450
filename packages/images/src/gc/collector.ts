import { after, type Logger, type Timer } from '@gantry/rpc';
import type { ContentStore } from '../content/store';
import type { RecordedSnapshotter } from '../snapshots/recorded';
import type { Database } from '../store/database';
import { nowMicros } from '../store/time';
import { reachable } from './mark';

export interface Collected {
  readonly content: number;
  readonly snapshots: number;
  /** Bytes of blobs and of committed snapshots that went. */
  readonly bytes: number;
}

/** Collections that nobody waits for take this part of the time at most: each looks at all records, and a prune asks for one with each that it takes away. */
const SHARE = 0.05;

/**
 * Removes what nothing holds. Mark and the removal of records are one transaction, so nothing can be referenced in between; files and trees go
 * afterwards without any lock. A crash leaves only orphans on disk, which the next start removes.
 */
export class Collector {
  private timer: Timer | undefined;
  /** How long the last one took, milliseconds. */
  private took = 0;

  constructor(
    private readonly db: Database,
    private readonly content: ContentStore,
    private readonly snapshotters: Readonly<Record<string, RecordedSnapshotter>>,
    private readonly logger: Logger,
    private readonly delayMs = 100,
  ) {}

  /** Collects after a short while, once for many calls; after a longer one where there is much to look at. */
  soon(): void {
    const collect = (): void => {
      this.timer = undefined;
      this.run().catch((error: unknown) => this.logger.error({ err: error }, 'garbage collection failed'));
    };
    this.timer ??= after(Math.max(this.delayMs, this.took / SHARE), collect, { ref: false });
  }

  /** Does at once what was asked for soon. */
  async settled(): Promise<void> {
    if (this.timer === undefined) return;
    this.stop();
    await this.run();
  }

  stop(): void {
    this.timer?.cancel();
    this.timer = undefined;
  }

  /** ungraced: as containerd at once, also what a client made without a lease a moment ago. */
  async run({ ungraced = false }: { readonly ungraced?: boolean } = {}): Promise<Collected> {
    for (const { ns, ref } of this.content.uploads.stale(Date.now())) {
      this.logger.info({ ref, namespace: ns }, 'upload that nobody has gone on with for a day is dropped');
      await this.content.uploads.abort({ namespace: ns }, ref);
    }
    const begun = performance.now();
    try {
      return this.collect(ungraced ? 0 : undefined);
    } finally {
      this.took = performance.now() - begun;
    }
  }

  /** Synchronous: nothing comes between the mark and the end of the records. */
  private collect(grace: number | undefined): Collected {
    const now = nowMicros();
    const digests: string[] = [];
    const snapshots: { readonly id: number; readonly snapshotter: string; readonly backend: string }[] = [];
    let bytes = 0;
    this.db.transaction(() => {
      for (const { ns } of this.db.all<{ ns: string }>('SELECT ns FROM content UNION SELECT ns FROM snapshots')) {
        const held = reachable(this.db, ns, now, grace);
        for (const row of this.db.all<{ digest: string; size: number }>(
          'SELECT c.digest, b.size FROM content c JOIN blobs b ON b.digest = c.digest WHERE c.ns = ?',
          ns,
        )) {
          if (held.has(`c ${row.digest}`)) continue;
          this.db.run('DELETE FROM content WHERE ns = ? AND digest = ?', ns, row.digest);
          digests.push(row.digest);
          bytes += row.size;
        }
        // Youngest first: a child is always younger than the row of its parent, except where layers were stacked after they were laid out.
        const dead = this.db
          .all<{ id: number; snapshotter: string; name: string; parent: number | null; size: number; backend: string }>(
            'SELECT id, snapshotter, name, parent, size, backend FROM snapshots WHERE ns = ?',
            ns,
          )
          .filter(({ snapshotter, name }) => snapshotter in this.snapshotters && !held.has(`s ${snapshotter} ${name}`));
        for (const row of childrenFirst(dead)) {
          this.db.run('DELETE FROM snapshots WHERE id = ?', row.id);
          snapshots.push(row);
          bytes += row.size;
        }
      }
    });
    this.content.dropUnused(digests);
    for (const gone of snapshots) this.snapshotters[gone.snapshotter]?.discard(gone);
    if (digests.length + snapshots.length > 0)
      this.logger.debug({ content: digests.length, snapshots: snapshots.length, bytes }, 'garbage collected');
    return { content: digests.length, snapshots: snapshots.length, bytes };
  }
}

function childrenFirst<T extends { readonly id: number; readonly parent: number | null }>(rows: readonly T[]): T[] {
  const byId = new Map(rows.map((row) => [row.id, row]));
  const depth = (row: T): number => {
    let count = 0;
    for (let at = row.parent; at !== null; at = byId.get(at)?.parent ?? null) count++;
    return count;
  };
  return rows
    .map((row) => ({ row, at: depth(row) }))
    .sort((a, b) => b.at - a.at)
    .map(({ row }) => row);
}
