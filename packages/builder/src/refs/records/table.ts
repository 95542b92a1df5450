import { randomBytes } from 'node:crypto';
import type { BlobLayer } from '../ref';
import type { Store } from '../../store';
import { recordOf, type RecordRow, type TreeRecord } from './record';

const ALPHABET = '0123456789abcdefghijklmnopqrstuvwxyz';

/** As BuildKit's: 25 letters and digits. */
export function newRecordId(): string {
  let text = '';
  for (const byte of randomBytes(25)) text += ALPHABET[byte % ALPHABET.length] ?? '';
  return text;
}

/**
 * The records in memory, written through. Every change can be made again: it is on the disk with the store's next durable transaction, and what a power cut
 * takes back is put right at the next start.
 */
export class RecordTable {
  private readonly records = new Map<string, TreeRecord>();
  private readonly byChain = new Map<string, string>();
  private readonly children = new Map<string, Set<string>>();
  /** Those that are in memory alone. */
  private readonly passing = new Set<string>();
  /** Blobs that were made of records, by how they were made: of those records that were asked for. */
  private readonly made = new Map<string, Map<string, BlobLayer>>();

  constructor(private readonly store: Store) {
    for (const row of store.all<RecordRow>('SELECT * FROM records')) this.index(recordOf(row));
  }

  get(id: string): TreeRecord | undefined {
    return this.records.get(id);
  }

  /** The record of a chain of image layers. */
  ofChain(chain: string): TreeRecord | undefined {
    const id = this.byChain.get(chain);
    return id === undefined ? undefined : this.records.get(id);
  }

  all(): IterableIterator<TreeRecord> {
    return this.records.values();
  }

  hasChildren(id: string): boolean {
    return (this.children.get(id)?.size ?? 0) > 0;
  }

  childrenOf(id: string): ReadonlySet<string> {
    return this.children.get(id) ?? new Set();
  }

  /** A record that a restart forgets, and with it its snapshot, unless something is made of the tree. */
  insertPassing(record: TreeRecord): void {
    this.passing.add(record.id);
    this.index(record);
  }

  isPassing(id: string): boolean {
    return this.passing.has(id);
  }

  insert(record: TreeRecord): void {
    for (const parent of record.parents) this.keep(parent);
    this.write(record);
    this.index(record);
  }

  /** Something stands on the record from now on. */
  private keep(id: string): void {
    const record = this.records.get(id);
    if (this.passing.delete(id) && record !== undefined) this.write(record);
  }

  private write(record: TreeRecord): void {
    const { id, kind, parents, snapshot, chain, cacheKey, blob, diffId, fetched, description, type, created } = record;
    this.soft(
      'INSERT INTO records (id, kind, parents, snapshot, chain, cache_key, blob, diff_id, fetched, description, type, created, last_used, usage_count, size) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
      id,
      kind,
      JSON.stringify(parents),
      snapshot,
      chain ?? null,
      cacheKey ?? null,
      blob === undefined ? null : JSON.stringify(blob),
      diffId ?? null,
      fetched ? 1 : 0,
      description,
      type,
      created,
      record.lastUsed ?? null,
      record.usageCount,
      record.size,
    );
  }

  laid(id: string, snapshot: string): void {
    this.change(id, { snapshot, size: -1 });
    this.soft('UPDATE records SET snapshot = ?, size = -1 WHERE id = ?', snapshot, id);
  }

  fetched(id: string): void {
    this.change(id, { fetched: true });
    this.soft('UPDATE records SET fetched = 1 WHERE id = ?', id);
  }

  sized(id: string, size: number): void {
    this.change(id, { size });
    this.soft('UPDATE records SET size = ? WHERE id = ?', size, id);
  }

  used(id: string, at: number): void {
    const record = this.records.get(id);
    if (record === undefined) return;
    this.change(id, { lastUsed: at, usageCount: record.usageCount + 1 });
    this.soft('UPDATE records SET last_used = ?, usage_count = usage_count + 1 WHERE id = ?', at, id);
  }

  /** A cache tree that nobody finds by its key any more. */
  forgetCacheKey(id: string): void {
    this.change(id, { cacheKey: undefined });
    this.soft('UPDATE records SET cache_key = NULL WHERE id = ?', id);
  }

  delete(id: string): void {
    const record = this.records.get(id);
    if (record === undefined) return;
    if (!this.passing.delete(id)) this.soft('DELETE FROM records WHERE id = ?', id);
    this.records.delete(id);
    this.made.delete(id);
    if (record.chain !== undefined) this.byChain.delete(record.chain);
    for (const parent of record.parents) this.children.get(parent)?.delete(id);
  }

  blob(record: string, how: string): BlobLayer | undefined {
    return this.madeOf(record).get(how);
  }

  /** A blob that was made of the record and that only its compression, if anything, chose. */
  madeBlob(record: string): BlobLayer | undefined {
    for (const compression of ['gzip', 'zstd', 'uncompressed']) {
      const known = this.blob(record, compression);
      if (known !== undefined) return known;
    }
    return undefined;
  }

  /** Every blob that was made of any record. */
  blobs(): { readonly record: string; readonly blob: BlobLayer['blob'] }[] {
    return this.store
      .all<{ record: string; blob: string }>('SELECT record, blob FROM record_blobs')
      .map(({ record, blob }) => ({ record, blob: JSON.parse(blob) as BlobLayer['blob'] }));
  }

  /** Records of which a blob was made that is this tar, with how it was made. */
  madeAs(diffId: string): { readonly record: string; readonly how: string }[] {
    return this.store.all<{ record: string; how: string }>('SELECT record, how FROM record_blobs WHERE diff_id = ?', diffId);
  }

  setBlob(record: string, how: string, { blob, diffId }: BlobLayer): void {
    this.keep(record);
    this.made.get(record)?.set(how, { blob, diffId });
    this.soft(
      'INSERT OR REPLACE INTO record_blobs (record, how, blob, diff_id) VALUES (?, ?, ?, ?)',
      record,
      how,
      JSON.stringify(blob),
      diffId,
    );
  }

  dropBlob(record: string, how: string): void {
    this.made.get(record)?.delete(how);
    this.soft('DELETE FROM record_blobs WHERE record = ? AND how = ?', record, how);
  }

  sum(record: string, selector: string): string | undefined {
    return this.store.get<{ digest: string }>('SELECT digest FROM record_sums WHERE record = ? AND selector = ?', record, selector)?.digest;
  }

  setSum(record: string, selector: string, digest: string): void {
    this.keep(record);
    this.soft('INSERT OR REPLACE INTO record_sums (record, selector, digest) VALUES (?, ?, ?)', record, selector, digest);
  }

  private madeOf(record: string): Map<string, BlobLayer> {
    let made = this.made.get(record);
    if (made !== undefined) return made;
    const sql = 'SELECT how, blob, diff_id FROM record_blobs WHERE record = ?';
    const rows = this.store.all<{ how: string; blob: string; diff_id: string }>(sql, record);
    made = new Map(rows.map(({ how, blob, diff_id: diffId }) => [how, { blob: JSON.parse(blob) as BlobLayer['blob'], diffId }]));
    if (this.records.has(record)) this.made.set(record, made);
    return made;
  }

  private index(record: TreeRecord): void {
    this.records.set(record.id, record);
    if (record.chain !== undefined) this.byChain.set(record.chain, record.id);
    for (const parent of record.parents) {
      if (parent === '') continue;
      const known = this.children.get(parent);
      if (known === undefined) this.children.set(parent, new Set([record.id]));
      else known.add(record.id);
    }
  }

  private change(id: string, change: Partial<TreeRecord>): void {
    const record = this.records.get(id);
    if (record !== undefined) this.records.set(id, { ...record, ...change });
  }

  private soft(sql: string, ...values: (string | number | null)[]): void {
    this.store.transaction(() => this.store.run(sql, ...values), { durable: false });
  }
}
