import type { Descriptor } from '@gantry/oci';
import type { RecordType } from '../ref';

export type RecordKind = 'tree' | 'layer' | 'merge' | 'diff' | 'cache';

/** A tree as the store knows it. */
export interface TreeRecord {
  readonly id: string;
  readonly kind: RecordKind;
  /** tree and layer: what it lies on, if anything; merge: its inputs; diff: lower and upper, '' for none. */
  readonly parents: readonly string[];
  /** Name of the committed snapshot; of a cache, of the active one. Empty: not laid out yet. */
  readonly snapshot: string;
  /** Chain id of an image's layer. */
  readonly chain: string | undefined;
  readonly cacheKey: string | undefined;
  /** Layer: the blob it comes as. */
  readonly blob: Descriptor | undefined;
  readonly diffId: string | undefined;
  /** Layer: the blob was seen in the content store. */
  readonly fetched: boolean;
  readonly description: string;
  readonly type: RecordType;
  readonly created: number;
  readonly lastUsed: number | undefined;
  readonly usageCount: number;
  readonly size: number;
}

/** A record of now, of which nothing but what is given is known yet. */
export function newRecord(given: Pick<TreeRecord, 'id' | 'kind' | 'parents' | 'description' | 'type'> & Partial<TreeRecord>): TreeRecord {
  const now = Date.now();
  return {
    snapshot: '',
    chain: undefined,
    cacheKey: undefined,
    blob: undefined,
    diffId: undefined,
    fetched: false,
    created: now,
    lastUsed: now,
    usageCount: 1,
    size: -1,
    ...given,
  };
}

export interface RecordRow {
  readonly id: string;
  readonly kind: string;
  readonly parents: string;
  readonly snapshot: string;
  readonly chain: string | null;
  readonly cache_key: string | null;
  readonly blob: string | null;
  readonly diff_id: string | null;
  readonly fetched: number;
  readonly description: string;
  readonly type: string;
  readonly created: number;
  readonly last_used: number | null;
  readonly usage_count: number;
  readonly size: number;
}

export function recordOf(row: RecordRow): TreeRecord {
  return {
    id: row.id,
    kind: row.kind as RecordKind,
    parents: JSON.parse(row.parents) as string[],
    snapshot: row.snapshot,
    chain: row.chain ?? undefined,
    cacheKey: row.cache_key ?? undefined,
    blob: row.blob === null ? undefined : (JSON.parse(row.blob) as Descriptor),
    diffId: row.diff_id ?? undefined,
    fetched: row.fetched === 1,
    description: row.description,
    type: row.type as RecordType,
    created: row.created,
    lastUsed: row.last_used ?? undefined,
    usageCount: row.usage_count,
    size: row.size,
  };
}
