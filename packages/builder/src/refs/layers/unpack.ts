import { randomBytes } from 'node:crypto';
import { dataLoss, failedPrecondition, isErrorOf, type CallContext } from '@gantry/rpc';
import { OWN, type Snapshots } from '../snapshots';
import type { RecordTable } from '../records/table';
import type { TreeRecord } from '../records/record';

/** containerd's label of a snapshot that is being made: the name it will have. Snapshotters that hold the layer already answer with it. */
const REFERENCE = 'containerd.io/snapshot.ref';

/** Lays one layer of an image, whose blob is here, out on its parent, under its chain id, so that whoever unpacks the image elsewhere has it, too. */
export async function unpackLayer(
  { snapshots, records }: { readonly snapshots: Snapshots; readonly records: RecordTable },
  ctx: CallContext,
  { record, parent }: { readonly record: TreeRecord; readonly parent: string },
): Promise<string> {
  const { chain, blob, diffId } = record;
  if (chain === undefined || blob === undefined) throw failedPrecondition(`tree ${record.id} is no layer of an image`);
  const key = `${OWN}extract-${randomBytes(8).toString('hex')} ${chain}`;
  try {
    const mounts = await snapshots.prepare(ctx, key, parent, { [REFERENCE]: chain });
    const wire = { mediaType: blob.mediaType, digest: blob.digest, size: BigInt(blob.size), annotations: blob.annotations ?? {} };
    const made = await snapshots.apply(ctx, wire, mounts);
    if (diffId !== undefined && made !== diffId) throw dataLoss(`layer ${blob.digest} unpacks to ${made}, its image says ${diffId}`);
    await snapshots.commit(ctx, key, chain);
  } catch (error) {
    await snapshots.remove(ctx, key);
    // Somebody else was quicker: containerd's own unpacker, or a snapshotter that had it all along.
    if (!isErrorOf(error, 'alreadyExists') || !(await snapshots.adopt(ctx, chain))) throw error;
  }
  records.laid(record.id, chain);
  return chain;
}
