import { failedPrecondition, type CallContext } from '@gantry/rpc';
import type { LazyLayer } from '../ref';
import type { TreeRecord } from '../records/record';
import type { RecordTable } from '../records/table';
import { SharedWork } from '../shared-work';
import type { Snapshots } from '../snapshots';

/** Who can bring the blobs of layers that were never wanted yet; a restart forgets, and the next who names the image tells again. */
export class Fetchers {
  private readonly known = new Map<string, LazyLayer['fetch']>();
  private readonly shared = new SharedWork<void>();

  constructor(
    private readonly records: RecordTable,
    private readonly snapshots: Pick<Snapshots, 'leased' | 'holdBlob'>,
  ) {}

  tell(id: string, fetch: LazyLayer['fetch']): void {
    this.known.set(id, fetch);
  }

  forget(id: string): void {
    this.known.delete(id);
  }

  /** Whether the layer can be laid out: it is, its blob was here, or somebody brings it. */
  canBring(record: TreeRecord): boolean {
    return record.snapshot !== '' || record.fetched || this.known.has(record.id);
  }

  /** The layer's blob is in the content store afterwards, under the builder's lease. */
  bring(ctx: CallContext, record: TreeRecord): Promise<void> {
    return this.shared.run(ctx, record.blob?.digest ?? record.id, () => this.fetch(ctx, record));
  }

  private async fetch(ctx: CallContext, { id, blob, fetched }: TreeRecord): Promise<void> {
    if (blob === undefined) throw failedPrecondition(`tree ${id} is no layer of an image`);
    if (!(await this.snapshots.holdBlob(ctx, blob.digest))) {
      const fetch = this.known.get(id);
      if (fetch === undefined) throw failedPrecondition(`layer ${blob.digest} is not here, and nobody says where it can be had`);
      await fetch(this.snapshots.leased(ctx));
      await this.snapshots.holdBlob(ctx, blob.digest);
    }
    if (!fetched) this.records.fetched(id);
  }
}
