import { type CallContext, internal } from '@gantry/rpc';
import type { TreeRecord } from '../records/record';
import type { RecordTable } from '../records/table';
import { SharedWork } from '../shared-work';
import type { Snapshots } from '../snapshots';
import type { Fetchers } from './fetchers';
import { partsOf, recordIn } from './parts';
import type { Stacker } from './stack';
import { unpackLayer } from './unpack';

/** Trees become snapshots when somebody wants to look at them: one such work at a time for a tree. */
export class Layout {
  private readonly shared = new SharedWork<string>();

  constructor(
    private readonly base: {
      readonly snapshots: Snapshots;
      readonly records: RecordTable;
      readonly fetchers: Fetchers;
      readonly stacker: Stacker;
    },
  ) {}

  /** Name of the committed snapshot of a tree; '' for scratch. */
  async snapshot(ctx: CallContext, id: string | undefined): Promise<string> {
    if (id === undefined || id === '') return '';
    const laid = recordIn(this.base.records, id).snapshot;
    return laid !== '' ? laid : this.shared.run(ctx, id, () => this.lay(ctx, recordIn(this.base.records, id)));
  }

  private async lay(ctx: CallContext, record: TreeRecord): Promise<string> {
    if (record.snapshot !== '') return record.snapshot; // while this one waited
    switch (record.kind) {
      case 'layer':
        return this.layLayer(ctx, record);
      case 'merge':
      case 'diff':
        return this.base.stacker.stack(ctx, record, partsOf(this.base.records, record.id), (each) => this.snapshot(ctx, each));
      case 'tree':
      case 'cache':
        throw internal(`tree ${record.id} has no snapshot`);
    }
  }

  /** The blobs of all layers that are missing come at once; they are unpacked one on the other. */
  private async layLayer(ctx: CallContext, record: TreeRecord): Promise<string> {
    const { snapshots, records, fetchers } = this.base;
    if (record.chain !== undefined && (await snapshots.adopt(ctx, record.chain))) {
      records.laid(record.id, record.chain);
      return record.chain;
    }
    const brought = fetchers.bring(ctx, record);
    brought.catch(() => undefined); // waited for below, unless the parent fails first
    const parent = await this.snapshot(ctx, record.parents[0]);
    await brought;
    return unpackLayer({ snapshots, records }, ctx, { record, parent });
  }
}
