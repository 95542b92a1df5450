import { type CallContext, type Logger, newContext } from '@gantry/rpc';
import type { Holds } from '../records/holds';
import type { TreeRecord } from '../records/record';
import type { RecordTable } from '../records/table';

export interface PassingBase {
  readonly records: RecordTable;
  readonly holds: Holds;
  readonly logger: Logger;
  readonly remove: (ctx: CallContext, record: TreeRecord) => Promise<void>;
}

/** Trees that nobody finds again, such as what a failed step left: each goes with its last holder. */
export class PassingTrees {
  constructor(private readonly base: PassingBase) {}

  released(id: string): void {
    const { records, holds, remove, logger } = this.base;
    const record = records.get(id);
    if (record === undefined || !records.isPassing(id) || holds.isHeld(id) || records.hasChildren(id)) return;
    remove(newContext(), record).catch((error: unknown) => logger.warn({ id, err: error }, 'a tree that nobody needs was not removed'));
  }
}
