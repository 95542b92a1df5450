import { type CallContext, isErrorOf } from '@gantry/rpc';
import type { DigestFiles } from '../digests/files';
import type { DigestNotes } from '../digests/notes';
import type { Fetchers } from '../layers/fetchers';
import type { TreeRecord } from '../records/record';
import type { RecordTable } from '../records/table';
import type { Snapshots } from '../snapshots';

export interface RemovalBase {
  readonly records: RecordTable;
  readonly snapshots: Snapshots;
  readonly files: DigestFiles;
  readonly notes: DigestNotes;
  readonly fetchers: Fetchers;
}

/** The record first, then what it named: a crash between leaves what the next start finds that no record names. The caller made sure that nobody needs it. */
export async function removeRecord(
  { records, snapshots, files, notes, fetchers }: RemovalBase,
  ctx: CallContext,
  record: TreeRecord,
): Promise<void> {
  const { id, snapshot, kind } = record;
  const blobs = [
    ...(record.blob === undefined ? [] : [record.blob]),
    ...records.blobs().flatMap((made) => (made.record === id ? [made.blob] : [])),
  ];
  records.delete(id);
  notes.forget(id);
  fetchers.forget(id);
  if (snapshot !== '') {
    // The layer of an image may be a container's; what is the builder's own is nobody else's, unless somebody stood something on it.
    if (kind === 'layer') await snapshots.letGo(ctx, snapshot);
    else
      await snapshots.remove(ctx, snapshot).catch(async (error: unknown) => {
        if (!isErrorOf(error, 'failedPrecondition')) throw error;
        await snapshots.letGo(ctx, snapshot);
      });
  }
  const needed = new Set(records.blobs().map(({ blob }) => blob.digest));
  for (const other of records.all()) if (other.blob !== undefined) needed.add(other.blob.digest);
  for (const { digest } of blobs) if (!needed.has(digest)) await snapshots.letGoBlob(ctx, digest);
  await files.remove(id);
}
