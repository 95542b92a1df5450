import type { Holds } from '../records/holds';
import { newRecordId, type RecordTable } from '../records/table';
import type { About, Ref } from '../ref';
import { newRecord, type RecordKind } from '../records/record';

export interface CombineBase {
  readonly records: RecordTable;
  readonly holds: Holds;
}

/** Scratch adds nothing; one tree alone is itself. */
export function mergeTrees(base: CombineBase, inputs: readonly (Ref | undefined)[], about: About): Ref | undefined {
  const given = inputs.filter((input) => input !== undefined);
  const [only] = given;
  if (given.length < 2) return only?.clone();
  return combined(
    base,
    'merge',
    given.map(({ id }) => id),
    about,
  );
}

/** A tree against itself is nothing; against nothing it is itself. */
export function diffTrees(base: CombineBase, lower: Ref | undefined, upper: Ref | undefined, about: About): Ref | undefined {
  if (lower === undefined) return upper?.clone();
  if (lower.id === upper?.id) return undefined;
  return combined(base, 'diff', [lower.id, upper?.id ?? ''], about);
}

/** The same trees combined again are the record that is there. */
function combined(
  { records, holds }: CombineBase,
  kind: RecordKind,
  parents: readonly string[],
  { description, type = 'regular' }: About,
): Ref {
  const [first = ''] = parents;
  for (const child of records.childrenOf(first)) {
    const record = records.get(child);
    if (record?.kind === kind && record.parents.join() === parents.join()) return holds.take(child);
  }
  const id = newRecordId();
  records.insert(newRecord({ id, kind, parents, description, type }));
  return holds.take(id);
}
