import { compileFilters } from '@gantry/oci/filter';
import type { CallContext } from '@gantry/rpc';
import type { Holds } from '../records/holds';
import type { TreeRecord } from '../records/record';
import type { RecordTable } from '../records/table';
import type { UsageRecord } from '../ref';
import type { Snapshots } from '../snapshots';
import type { ImageLayers } from './image-layers';

export interface UsageBase {
  readonly records: RecordTable;
  readonly holds: Holds;
  readonly snapshots: Snapshots;
  readonly images: ImageLayers;
}

/** How the records show in `buildx du`: those that the filters match, with their sizes. */
export async function usageOf(base: UsageBase, ctx: CallContext, filters: readonly string[]): Promise<readonly UsageRecord[]> {
  const matches = usageFilter(filters);
  const shared = await base.images.shared(ctx, base.records);
  const busy = inUse(base);
  const found = [...base.records.all()]
    .map((record) => usageRecord(record, { inUse: busy.has(record.id), shared: shared.has(record.id) }))
    .filter(matches);
  return Promise.all(found.map(async (usage) => ({ ...usage, size: await sizeOf(base, ctx, usage.id) })));
}

export function usageRecord(
  record: TreeRecord,
  { inUse: busy, shared }: { readonly inUse: boolean; readonly shared: boolean },
): UsageRecord {
  const { id, kind, parents, description, type, created, lastUsed, usageCount, size } = record;
  return {
    id,
    mutable: kind === 'cache',
    inUse: busy,
    size: Math.max(0, size),
    parents: parents.filter((parent) => parent !== ''),
    createdAt: new Date(created),
    lastUsedAt: lastUsed === undefined ? undefined : new Date(lastUsed),
    usageCount,
    description,
    type,
    shared,
  };
}

/** What is held, and what that stands on. */
function inUse({ records, holds }: UsageBase): ReadonlySet<string> {
  const busy = new Set<string>();
  const mark = (id: string): void => {
    const record = records.get(id);
    if (record === undefined || busy.has(id)) return;
    busy.add(id);
    record.parents.forEach(mark);
  };
  for (const { id } of records.all()) if (holds.isHeld(id)) mark(id);
  return busy;
}

/** Counted once for what never changes. A cache that is being written to counts nothing. */
export async function sizeOf({ records, holds, snapshots }: UsageBase, ctx: CallContext, id: string): Promise<number> {
  const record = records.get(id);
  if (record === undefined) return 0;
  if (record.kind === 'cache' && holds.isHeld(id)) return 0;
  if (record.size >= 0 && record.kind !== 'cache') return record.size;
  if (record.snapshot === '') return record.fetched ? (record.blob?.size ?? 0) : 0;
  const size = await snapshots.size(ctx, record.snapshot);
  records.sized(id, size);
  return size;
}

export function usageFilter(filters: readonly string[]): (record: UsageRecord) => boolean {
  const filter = compileFilters(filters);
  return (record) => filter(([name = '']) => fieldOf(record, name));
}

/** A flag has a value only where it holds, so that its name alone asks for it. */
function fieldOf(record: UsageRecord, name: string): string | undefined {
  const flag = (holds: boolean): string | undefined => (holds ? 'true' : undefined);
  switch (name) {
    case 'id':
      return record.id;
    case 'parents':
      return record.parents.join(';') || undefined;
    case 'description':
      return record.description || undefined;
    case 'inuse':
      return flag(record.inUse);
    case 'mutable':
      return flag(record.mutable);
    case 'immutable':
      return flag(!record.mutable);
    case 'type':
      return record.type || undefined;
    case 'shared':
      return flag(record.shared);
    case 'private':
      return flag(!record.shared);
    default:
      return undefined;
  }
}
