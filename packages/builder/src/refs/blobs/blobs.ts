import { type CallContext, failedPrecondition, type Logger } from '@gantry/rpc';
import type { Fetchers } from '../layers/fetchers';
import { type Part, partsOf } from '../layers/parts';
import type { RecordTable } from '../records/table';
import type { BlobLayer, BlobOptions, Ref } from '../ref';
import { SharedWork } from '../shared-work';
import type { Snapshots, StoreServices } from '../snapshots';
import type { Views } from '../trees/view';
import { ViewSet } from '../trees/view-set';
import { howOf } from './how';
import { compressionOf, described, isKeptForeign, mediaTypeOf } from './media';
import { makeDifference } from './difference';
import { repack } from './repack';

export interface BlobsBase {
  readonly services: StoreServices;
  readonly snapshots: Snapshots;
  readonly records: RecordTable;
  readonly fetchers: Fetchers;
  readonly views: Views;
  readonly logger: Logger;
}

/** Layers that are packed side by side. */
const AT_ONCE = 6;
const METHODS = ['gzip', 'zstd', 'uncompressed'] as const;

/** The layers of trees as blobs, each made once and remembered for as long as it is in the content store. */
export class Blobs {
  private readonly shared = new SharedWork<BlobLayer>();

  constructor(private readonly base: BlobsBase) {}

  async of(ctx: CallContext, ref: Ref | undefined, how: BlobOptions): Promise<readonly BlobLayer[]> {
    const parts = partsOf(this.base.records, ref?.id);
    const views = new ViewSet(this.base.views);
    const made: BlobLayer[] = [];
    let next = 0;
    const work = async (): Promise<void> => {
      for (let at = next++; at < parts.length; at = next++) {
        const part = parts[at];
        if (part !== undefined) made[at] = await this.layer(ctx, part, how, views);
      }
    };
    try {
      const ended = await Promise.allSettled(Array.from({ length: AT_ONCE }, work));
      for (const end of ended) if (end.status === 'rejected') throw end.reason;
      return made;
    } finally {
      await views.close();
    }
  }

  private async layer(ctx: CallContext, part: Part, how: BlobOptions, views: ViewSet): Promise<BlobLayer> {
    const key = `${part.id} ${part.lower ?? ''} ${howOf(how)} ${how.force} ${how.present} ${how.nondistributable}`;
    const made = await this.shared.run(ctx, key, () => this.make(ctx, part, how, views));
    return { ...made, blob: described(made.blob, how) };
  }

  private async make(ctx: CallContext, part: Part, how: BlobOptions, views: ViewSet): Promise<BlobLayer> {
    const pulled = await this.pulled(ctx, part, how);
    if (pulled !== undefined) return pulled;
    const { records } = this.base;
    const known = (await this.remembered(ctx, part, howOf(how))) ?? (how.force ? undefined : await this.otherwise(ctx, part, how));
    if (known !== undefined) return known;
    const made = await this.pack(ctx, part, how, views);
    records.setBlob(part.id, howOf(how), made);
    return made;
  }

  /** A layer of an image is the blob that it came as, unless another compression is forced; its times are not the builder's to change. */
  private async pulled(ctx: CallContext, part: Part, how: BlobOptions): Promise<BlobLayer | undefined> {
    const { records, fetchers, services, snapshots } = this.base;
    const record = records.get(part.id);
    if (record?.blob === undefined || record.diffId === undefined || part.upper !== part.id) return undefined;
    const { blob, diffId } = record;
    const from = compressionOf(blob.mediaType);
    if (isKeptForeign(blob, how)) {
      if (how.present === 'all') await fetchers.bring(ctx, record);
      return { blob, diffId };
    }
    if (from === undefined || !how.force || (from === how.compression && how.level === undefined)) {
      if (how.present !== undefined) await fetchers.bring(ctx, record);
      return { blob, diffId };
    }
    const { latestTime: _kept, ...plain } = how;
    const known = await this.remembered(ctx, part, howOf(plain));
    if (known !== undefined) return known;
    await fetchers.bring(ctx, record);
    const made = await repack(services, snapshots.leased(ctx), { blob, from, how: plain });
    records.setBlob(part.id, howOf(plain), made);
    return made;
  }

  private async remembered(ctx: CallContext, { id }: Part, how: string): Promise<BlobLayer | undefined> {
    const { records, snapshots } = this.base;
    const known = records.blob(id, how);
    if (known === undefined || (await snapshots.holdBlob(ctx, known.blob.digest))) return known;
    records.dropBlob(id, how);
    return undefined;
  }

  /** Any compression that is here already will do, where none is forced. */
  private async otherwise(ctx: CallContext, part: Part, { latestTime }: BlobOptions): Promise<BlobLayer | undefined> {
    for (const compression of METHODS) {
      const known = await this.remembered(ctx, part, howOf({ compression, ...(latestTime === undefined ? {} : { latestTime }) }));
      if (known !== undefined) return known;
    }
    return undefined;
  }

  /** What containerd's diff service can do it does; levels and times are put in afterwards. */
  private async pack(ctx: CallContext, part: Part, how: BlobOptions, views: ViewSet): Promise<BlobLayer> {
    const { services, snapshots } = this.base;
    const plain = how.level === undefined && how.latestTime === undefined;
    const first = mediaTypeOf(plain ? how.compression : 'uncompressed', true);
    const made = await makeDifference({ services, snapshots, views }, ctx, part, first);
    if (plain) return made;
    const from = compressionOf(made.blob.mediaType);
    if (from === undefined) throw failedPrecondition(`the diff service answered with a blob of type ${made.blob.mediaType}`);
    const packed = await repack(services, snapshots.leased(ctx), { blob: made.blob, from, how });
    if (packed.blob.digest !== made.blob.digest) await snapshots.letGoBlob(ctx, made.blob.digest);
    return packed;
  }
}
