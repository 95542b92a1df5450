import type { Collector } from '../gc/collector';
import { reachable } from '../gc/mark';
import type { ImageTable } from '../store/images';
import { nowMicros } from '../store/time';
import { checkBlobs } from './blobs';
import { type Finding, settle, type Told } from './finding';
import { checkImages } from './images';
import { checkLeftovers } from './leftovers';
import type { Refetch } from './refetch';
import { checkSnapshots, type SnapshotCheck } from './snapshots';
import { WantedBlobs } from './wanted';
import type { RecordedSnapshotter } from '../snapshots/recorded';

export interface CheckerOptions extends Omit<SnapshotCheck, 'wanted' | 'broken' | 'counted'> {
  readonly images: ImageTable;
  readonly refetch: Refetch;
  readonly collector: Collector;
  readonly snapshotters: readonly RecordedSnapshotter[];
}

export interface Summary {
  readonly blobs: number;
  readonly blobBytes: number;
  readonly snapshots: number;
  /** Only their presence was checked: no layer here tells what they hold. */
  readonly unverified: number;
  readonly findings: number;
  /** Findings that are still true. */
  readonly unrepaired: number;
}

/**
 * Compares what the store says with what the disk has, and puts right what it can. It may run while others work: everything is looked at
 * again before it is told. Nothing is held meanwhile.
 */
export class Checker {
  constructor(private readonly options: CheckerOptions) {}

  async *run({ repair }: { readonly repair: boolean }): AsyncGenerator<Told, Summary> {
    const counts = { blobs: 0, blobBytes: 0, snapshots: 0, unverified: 0, findings: 0, unrepaired: 0 };
    const broken = new Set<string>();
    for await (const finding of this.findings(broken, counts)) {
      const told = await settle(finding, repair);
      counts.findings++;
      if (!told.repaired) counts.unrepaired++;
      if (!told.repaired && told.object === 'blob') broken.add(told.id);
      yield told;
    }
    return counts;
  }

  private async *findings(
    broken: ReadonlySet<string>,
    counts: { blobs: number; blobBytes: number; snapshots: number; unverified: number },
  ): AsyncGenerator<Finding> {
    const { options } = this;
    yield* checkBlobs({
      ...options,
      counted: (bytes) => {
        counts.blobs++;
        counts.blobBytes += bytes;
      },
    });
    yield* checkImages(options);
    const wanted = await WantedBlobs.gather(options.db, options.content, options.images);
    const counted = (verified: boolean): void => void (verified ? counts.snapshots++ : (counts.snapshots++, counts.unverified++));
    for (const snapshotter of options.snapshotters) yield* checkSnapshots({ ...options, wanted, broken, counted }, snapshotter);
    yield* checkLeftovers(options);
    await options.collector.settled();
    yield* this.unheld();
  }

  /** Records that nothing holds and that garbage collection has not come to. */
  private *unheld(): Generator<Finding> {
    const { db, collector } = this.options;
    const repair = async (): Promise<string> => {
      await collector.run();
      return 'collected';
    };
    for (const { ns } of db.all<{ ns: string }>('SELECT ns FROM content UNION SELECT ns FROM snapshots')) {
      const held = reachable(db, ns, nowMicros());
      for (const { digest } of db.all<{ digest: string }>('SELECT digest FROM content WHERE ns = ?', ns)) {
        if (!held.has(`c ${digest}`))
          yield { problem: 'orphaned', object: 'blob', id: digest, namespace: ns, detail: 'nothing holds it', repair };
      }
      for (const { snapshotter, name } of db.all<{ snapshotter: string; name: string }>(
        'SELECT snapshotter, name FROM snapshots WHERE ns = ?',
        ns,
      )) {
        if (!held.has(`s ${snapshotter} ${name}`))
          yield { problem: 'orphaned', object: 'snapshot', id: name, namespace: ns, detail: `nothing holds it in ${snapshotter}`, repair };
      }
    }
  }
}
