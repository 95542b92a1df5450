import type { CallContext, Logger } from '@gantry/rpc';
import { newContext } from '@gantry/rpc';
import type { Layout } from '../layers/lay';
import type { Holds } from '../records/holds';
import { newRecord, type TreeRecord } from '../records/record';
import { newRecordId, type RecordTable } from '../records/table';
import type { About, CacheTree, Ref } from '../ref';
import { OWN, type Snapshots } from '../snapshots';

export interface CacheBase {
  readonly snapshots: Snapshots;
  readonly layout: Layout;
  readonly records: RecordTable;
  readonly holds: Holds;
  readonly logger: Logger;
  readonly remove: (ctx: CallContext, record: TreeRecord) => Promise<void>;
}

/** Trees that stay writable: cache mounts. Each is an active snapshot that a record names for as long as the cache lives. */
export class CacheTrees {
  /** Who asks for a key waits for those who asked before: two who may share one do not make two. */
  private readonly opening = new Map<string, Promise<unknown>>();

  constructor(private readonly base: CacheBase) {}

  open(
    ctx: CallContext,
    key: string,
    options: { readonly base: Ref | undefined; readonly shared: boolean },
    about: About,
  ): Promise<CacheTree> {
    const before = this.opening.get(key) ?? Promise.resolve();
    const opened = before.then(() => this.find(ctx, key, options, about));
    const settled: Promise<void> = opened.then(
      () => this.settle(key, settled),
      () => this.settle(key, settled),
    );
    this.opening.set(key, settled);
    return opened;
  }

  private settle(key: string, last: Promise<void>): void {
    if (this.opening.get(key) === last) this.opening.delete(key);
  }

  private async find(
    ctx: CallContext,
    key: string,
    { base, shared }: { readonly base: Ref | undefined; readonly shared: boolean },
    about: About,
  ): Promise<CacheTree> {
    const { records, holds, snapshots, layout } = this.base;
    const parents = base === undefined ? [] : [base.id];
    const known = [...records.all()].find(
      (record) =>
        record.kind === 'cache' &&
        record.cacheKey === key &&
        record.parents.join() === parents.join() &&
        (shared || !holds.isHeld(record.id)),
    );
    if (known !== undefined) {
      const hold = holds.take(known.id);
      try {
        return { id: known.id, mounts: await snapshots.mounts(ctx, known.snapshot), release: () => hold.release() };
      } catch (error) {
        hold.release();
        throw error;
      }
    }
    const id = newRecordId();
    const snapshot = `${OWN}${id}-cache`;
    const below = base?.clone();
    try {
      const mounts = await snapshots.prepare(ctx, snapshot, await layout.snapshot(ctx, base?.id));
      const hold = holds.take(id);
      records.insert(newCache(id, { key, parents, snapshot, about }));
      return { id, mounts, release: () => hold.release() };
    } finally {
      below?.release();
    }
  }

  /** The next who asks for the key, or for one of that name on a base, gets an empty one. */
  drop(key: string): void {
    const { records } = this.base;
    for (const record of [...records.all()]) {
      if (record.kind !== 'cache' || (record.cacheKey !== key && record.cacheKey?.startsWith(`${key}:`) !== true)) continue;
      records.forgetCacheKey(record.id);
      this.released(record.id);
    }
  }

  /** A cache that cannot be found any more goes with its last holder. */
  released(id: string): void {
    const { records, holds, remove, logger } = this.base;
    const record = records.get(id);
    if (record?.kind !== 'cache' || record.cacheKey !== undefined || holds.isHeld(id)) return;
    remove(newContext(), record).catch((error: unknown) => logger.warn({ id, err: error }, 'a dropped cache was not removed'));
  }
}

function newCache(
  id: string,
  {
    key,
    parents,
    snapshot,
    about,
  }: { readonly key: string; readonly parents: readonly string[]; readonly snapshot: string; readonly about: About },
): TreeRecord {
  return newRecord({
    id,
    kind: 'cache',
    parents,
    snapshot,
    cacheKey: key,
    description: about.description,
    type: about.type ?? 'exec.cachemount',
  });
}
