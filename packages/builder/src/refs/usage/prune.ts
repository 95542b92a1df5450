import { statfs } from 'node:fs/promises';
import type { CallContext } from '@gantry/rpc';
import type { TreeRecord } from '../records/record';
import type { PruneWish, UsageRecord } from '../ref';
import { type RemovalBase, removeRecord } from './remove';
import { sizeOf, usageFilter, usageOf, usageRecord, type UsageBase } from './usage';

export interface PruneBase extends UsageBase, RemovalBase {
  /** A folder on the file system whose free space counts. */
  readonly folder: string;
}

const HIDDEN = new Set(['internal', 'frontend']);

/** Removes what a rule says, leaves first: what others stand on goes only after them, and what is held never. */
export async function pruneBy(base: PruneBase, ctx: CallContext, wish: PruneWish, removed: (record: UsageRecord) => void): Promise<void> {
  const matches = usageFilter(wish.filters);
  const shared = !wish.all || wish.filters.length > 0 ? await base.images.shared(ctx, base.records) : new Set<string>();
  const room = await spaceFor(base, ctx, wish);
  for (let total = room.total; room.keep === undefined || total >= room.keep;) {
    const cutOff = Date.now() - (wish.keepMs ?? 0);
    const candidates = [...base.records.all()].filter((record) => {
      if (base.holds.isHeld(record.id) || base.records.hasChildren(record.id)) return false;
      if (!wish.all && (HIDDEN.has(record.type) || shared.has(record.id))) return false;
      if ((wish.keepMs ?? 0) > 0 && record.lastUsed !== undefined && record.lastUsed > cutOff) return false;
      return matches(usageRecord(record, { inUse: false, shared: shared.has(record.id) }));
    });
    if (candidates.length === 0) return;
    // Where space counts one goes at a time, the least wanted first.
    const chosen = room.keep === undefined ? candidates : [leastWanted(candidates)];
    for (const record of chosen) {
      ctx.signal.throwIfAborted();
      const size = await sizeOf(base, ctx, record.id);
      if (base.holds.isHeld(record.id) || base.records.hasChildren(record.id) || base.records.get(record.id) === undefined) continue; // meanwhile
      const usage = { ...usageRecord(record, { inUse: false, shared: shared.has(record.id) }), size };
      await removeRecord(base, ctx, record);
      total -= size;
      removed(usage);
    }
  }
}

/** Old and rarely used goes first: the ranks of both count alike. */
function leastWanted(records: readonly TreeRecord[]): TreeRecord {
  const rank = (value: (record: TreeRecord) => number): Map<string, number> => {
    const values = [...new Set(records.map(value))].sort((a, b) => a - b);
    return new Map(records.map((record) => [record.id, values.length < 2 ? 0 : values.indexOf(value(record)) / (values.length - 1)]));
  };
  const used = rank(({ lastUsed, created }) => lastUsed ?? created);
  const often = rank(({ usageCount }) => usageCount);
  const weight = ({ id }: TreeRecord): number => (used.get(id) ?? 0) + (often.get(id) ?? 0);
  return records.reduce((least, record) => (weight(record) < weight(least) ? record : least));
}

/** How much is there, and how much may stay; undefined: nothing has to. */
async function spaceFor(
  base: PruneBase,
  ctx: CallContext,
  { maxUsedSpace = 0, reservedSpace = 0, minFreeSpace = 0 }: PruneWish,
): Promise<{ readonly total: number; readonly keep: number | undefined }> {
  if (maxUsedSpace === 0 && reservedSpace === 0 && minFreeSpace === 0) return { total: 0, keep: undefined };
  const usage = await usageOf(base, ctx, []);
  const total = usage.reduce((sum, record) => sum + (record.shared ? 0 : record.size), 0);
  let keep = maxUsedSpace;
  if (minFreeSpace !== 0) {
    const { bavail, bsize } = await statfs(base.folder);
    const excess = minFreeSpace - bavail * bsize;
    if (excess > 0) keep = keep === 0 ? total - excess : Math.min(keep, total - excess);
    else if (keep === 0) keep = total;
  }
  keep = Math.max(keep, reservedSpace);
  // As BuildKit: nothing goes while less is used than may stay.
  return { total, keep: Math.max(keep, 1) };
}
