import type { CallContext } from '@gantry/rpc';
import type { TreeRecord } from '../records/record';
import type { Part } from './parts';

/** Lays the layers of a merge or a difference out as one snapshot. */
export interface Stacker {
  /** Name of the committed snapshot. `snapshot` gives that of another tree. */
  stack(ctx: CallContext, record: TreeRecord, parts: readonly Part[], snapshot: (id: string) => Promise<string>): Promise<string>;
}
