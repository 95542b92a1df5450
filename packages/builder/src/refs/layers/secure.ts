import { type CallContext, isErrorOf } from '@gantry/rpc';
import { recordIn, partsOf } from './parts';
import type { TreeRecord } from '../records/record';
import type { RecordTable } from '../records/table';
import type { Ref } from '../ref';
import type { Snapshots } from '../snapshots';
import type { Fetchers } from './fetchers';

export interface SecureBase {
  readonly records: RecordTable;
  readonly fetchers: Pick<Fetchers, 'bring'>;
  readonly snapshots: Pick<Snapshots, 'adopt'>;
}

/** Puts the blobs of an image's layers under the builder's lease; where there is none any more, the files that were unpacked of it. */
export async function secureLayers(base: SecureBase, ctx: CallContext, ref: Ref | undefined): Promise<void> {
  await Promise.all(partsOf(base.records, ref?.id).map(({ id }) => secure(base, ctx, recordIn(base.records, id))));
}

async function secure({ records, fetchers, snapshots }: SecureBase, ctx: CallContext, record: TreeRecord): Promise<void> {
  const { id, kind, chain, fetched } = record;
  if (kind !== 'layer' || fetched) return;
  try {
    await fetchers.bring(ctx, record);
  } catch (error) {
    if (!isErrorOf(error, 'notFound') || chain === undefined || !(await snapshots.adopt(ctx, chain))) throw error;
    records.laid(id, chain);
  }
}
