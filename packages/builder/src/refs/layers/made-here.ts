import type { TreeRecord } from '../records/record';
import type { RecordTable } from '../records/table';

/** A tree whose own layer, in a snapshot of its own, is what the blob with this tar says: unless times were changed on the way into the blob. */
export function layerMadeHere(records: RecordTable, diffId: string): TreeRecord | undefined {
  for (const { record, how } of records.madeAs(diffId)) {
    const known = records.get(record);
    if (known?.kind === 'tree' && known.snapshot !== '' && !how.includes('latest=')) return known;
  }
  return undefined;
}
