import { type CallContext, failedPrecondition } from '@gantry/rpc';
import type { Layout } from '../layers/lay';
import type { Holds } from '../records/holds';
import { newRecord, type TreeRecord } from '../records/record';
import { newRecordId, type RecordTable } from '../records/table';
import type { About, Ref, WorkingTree } from '../ref';
import { OWN, type Snapshots } from '../snapshots';
import type { DigestNotes } from '../digests/notes';

export interface WorkingBase {
  readonly snapshots: Snapshots;
  readonly layout: Layout;
  readonly records: RecordTable;
  readonly holds: Holds;
  readonly notes: DigestNotes;
}

/** What the snapshot of a record is called. */
export const snapshotName = (id: string): string => `${OWN}${id}`;

/**
 * A tree is written to in an active snapshot that only the builder's lease knows; its record is written after the commit. So a crash before leaves a snapshot
 * that no record names, which the next start takes away.
 */
export async function prepareTree(
  { snapshots, layout, records, holds, notes }: WorkingBase,
  ctx: CallContext,
  parent: Ref | undefined,
  about: About,
): Promise<WorkingTree> {
  const id = newRecordId();
  const key = `${OWN}${id}-work`;
  const below = parent?.clone();
  let state: 'open' | 'committed' | 'discarded' = 'open';
  const end = (next: 'committed' | 'discarded'): void => {
    if (state !== 'open') throw failedPrecondition(`tree ${id} is ${state} already`);
    state = next;
  };
  try {
    const mounts = await snapshots.prepare(ctx, key, await layout.snapshot(ctx, below?.id));
    return {
      id,
      mounts,
      noteDigests: (digests) => notes.add(id, digests),
      noteList: (path) => notes.setList(id, path),
      async commit(within, { passing = false } = {}) {
        end('committed');
        try {
          await snapshots.commit(within, key, snapshotName(id));
        } catch (error) {
          state = 'open'; // it can be committed again, or discarded
          throw error;
        }
        const ref = holds.take(id);
        const record = newTree(id, below?.id, about);
        if (passing) records.insertPassing(record);
        else records.insert(record);
        below?.release();
        return ref;
      },
      async discard() {
        end('discarded');
        notes.forget(id);
        below?.release();
        await snapshots.remove(ctx, key);
      },
    };
  } catch (error) {
    below?.release();
    throw error;
  }
}

function newTree(id: string, parent: string | undefined, { description, type = 'regular' }: About): TreeRecord {
  return newRecord({ id, kind: 'tree', parents: parent === undefined ? [] : [parent], snapshot: snapshotName(id), description, type });
}
