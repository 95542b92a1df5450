import { wallMicros } from '@gantry/api';
import { type CallContext, ignore } from '@gantry/rpc';
import type { Services } from '../services';

/** What a container's own files take, and when that was counted. */
export interface LayerSize {
  readonly size: bigint;
  readonly inodes: bigint;
  /** Nanoseconds since the epoch. */
  readonly timestamp: bigint;
}

/** A list counts files anew that were counted longer ago: containerd's CRI counts all of them so often, and kubelet asks so often. */
const FRESH_NS = 10_000_000_000n;

type Snapshot = { readonly snapshotter: string; readonly snapshotKey: string };

/** Sizes of containers' own files as they were last counted, by container. To count is to look at each file: several askers share it. */
export class LayerSizes {
  private readonly sizes = new Map<string, LayerSize>();

  constructor(
    private readonly snapshots: Pick<Services['snapshots'], 'usage'>,
    private readonly now: () => bigint = () => BigInt(wallMicros()) * 1000n,
  ) {}

  /** Counted now. Undefined: the files are gone. */
  async count(ctx: CallContext, id: string, { snapshotter, snapshotKey: key }: Snapshot): Promise<LayerSize | undefined> {
    const timestamp = this.now();
    const found = await this.snapshots.usage(ctx, { snapshotter, key }).catch(ignore('notFound'));
    if (found === undefined) {
      this.sizes.delete(id);
      return undefined;
    }
    const size = { size: found.size, inodes: found.inodes, timestamp };
    this.sizes.set(id, size);
    return size;
  }

  /** As it was counted within the last ten seconds, else counted now. */
  async recent(ctx: CallContext, id: string, snapshot: Snapshot): Promise<LayerSize | undefined> {
    const known = this.sizes.get(id);
    return known !== undefined && this.isFresh(known) ? known : this.count(ctx, id, snapshot);
  }

  /** Lets go of those that are too old to be told. */
  sweep(): void {
    for (const [id, size] of this.sizes) if (!this.isFresh(size)) this.sizes.delete(id);
  }

  /** A clock that was set back makes none fresh for ever. */
  private isFresh({ timestamp }: LayerSize): boolean {
    const age = this.now() - timestamp;
    return age >= 0n && age < FRESH_NS;
  }
}
