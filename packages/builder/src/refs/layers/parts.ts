import { internal } from '@gantry/rpc';
import type { RecordTable } from '../records/table';
import type { TreeRecord } from '../records/record';

/** One layer of a tree: what `upper` has against `lower`. Where upper lies on lower it is upper's own layer. */
export interface Part {
  /** Record that the layer is called by. */
  readonly id: string;
  /** Undefined: nothing. */
  readonly lower: string | undefined;
  /** Undefined: everything of lower is gone. */
  readonly upper: string | undefined;
}

export function recordIn(records: RecordTable, id: string): TreeRecord {
  const record = records.get(id);
  if (record === undefined) throw internal(`tree ${id} is not in the store`);
  return record;
}

/** The layers of a tree, from the bottom to the top. */
export function partsOf(records: RecordTable, id: string | undefined): readonly Part[] {
  const above: Part[] = [];
  for (let at = id; at !== undefined && at !== '';) {
    const record = recordIn(records, at);
    if (record.kind === 'merge') return [...record.parents.flatMap((input) => partsOf(records, input)), ...above.reverse()];
    if (record.kind === 'diff') return [...differenceOf(records, record), ...above.reverse()];
    const [parent] = record.parents;
    above.push({ id: at, lower: parent, upper: at });
    at = parent;
  }
  return above.reverse();
}

/** Of trees that share their lower layers the rest; else one layer, found by comparing. */
function differenceOf(records: RecordTable, { id, parents }: TreeRecord): readonly Part[] {
  const [lower = '', upper = ''] = parents;
  const [below, above] = [partsOf(records, lower), partsOf(records, upper)];
  if (upper !== '' && below.length <= above.length && below.every((part, at) => samePart(part, above[at])))
    return above.slice(below.length);
  return [{ id, lower: lower === '' ? undefined : lower, upper: upper === '' ? undefined : upper }];
}

export function samePart(one: Part, other: Part | undefined): boolean {
  return other !== undefined && one.lower === other.lower && one.upper === other.upper;
}
