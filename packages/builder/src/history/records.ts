import { fromTimestamp } from '@gantry/api';
import { BuildHistoryRecord } from '@gantry/api/moby/buildkit/v1/control';
import type { Store } from '../store';

/** The table of builds that are over. */
export class HistoryRecords {
  constructor(private readonly store: Store) {}

  /** Newest first. */
  all(): BuildHistoryRecord[] {
    return this.store.all<{ record: Uint8Array }>('SELECT record FROM history ORDER BY completed DESC, ref').map(decode);
  }

  get(ref: string): BuildHistoryRecord | undefined {
    const row = this.store.get<{ record: Uint8Array }>('SELECT record FROM history WHERE ref = ?', ref);
    return row && decode(row);
  }

  /** Writes a record and which blobs are its own: those that it names, and those that they lead to. A power cut may take it back, or one of its blobs: see `lost`. */
  put(record: BuildHistoryRecord, led: readonly string[] = []): void {
    const completed = record.CompletedAt === undefined ? 0 : fromTimestamp(record.CompletedAt).getTime();
    const write = (): void => {
      const sql = 'INSERT OR REPLACE INTO history (ref, record, completed, pinned) VALUES (?, ?, ?, ?)';
      this.store.run(sql, record.Ref, BuildHistoryRecord.encode(record).finish(), completed, record.pinned ? 1 : 0);
      this.store.run('DELETE FROM history_blobs WHERE ref = ?', record.Ref);
      for (const digest of new Set([...blobsOf(record), ...led]))
        this.store.run('INSERT INTO history_blobs (ref, digest) VALUES (?, ?)', record.Ref, digest);
    };
    this.store.transaction(write, { durable: false });
  }

  /** Records that name a blob which is not held. */
  lost(held: ReadonlySet<string>): string[] {
    return this.all().flatMap((record) => ([...blobsOf(record)].every((digest) => held.has(digest)) ? [] : [record.Ref]));
  }

  /** Writes a record again; the blobs that it had stay. */
  change(record: BuildHistoryRecord, options?: { readonly durable: boolean }): void {
    this.store.transaction(() => {
      const sql = 'UPDATE history SET record = ?, pinned = ? WHERE ref = ?';
      this.store.run(sql, BuildHistoryRecord.encode(record).finish(), record.pinned ? 1 : 0, record.Ref);
      for (const digest of blobsOf(record))
        this.store.run('INSERT OR IGNORE INTO history_blobs (ref, digest) VALUES (?, ?)', record.Ref, digest);
    }, options);
  }

  /** Removes a record; the blobs that no other record has are told. */
  remove(ref: string): string[] {
    return this.store.transaction(() => {
      const alone = `SELECT digest FROM history_blobs WHERE ref = ?1 AND digest NOT IN (SELECT digest FROM history_blobs WHERE ref <> ?1)`;
      const digests = this.store.all<{ digest: string }>(alone, ref).map(({ digest }) => digest);
      this.store.run('DELETE FROM history_blobs WHERE ref = ?', ref);
      this.store.run('DELETE FROM history WHERE ref = ?', ref);
      return digests;
    });
  }

  /** Records beyond the number that is kept and older than the age, those that are pinned left out. */
  expired(keep: number, before: number): string[] {
    return this.store
      .all<{ ref: string; completed: number }>(
        'SELECT ref, completed FROM history WHERE pinned = 0 ORDER BY completed DESC LIMIT -1 OFFSET ?',
        keep,
      )
      .filter(({ completed }) => completed < before)
      .map(({ ref }) => ref);
  }

  /** Whether a record names the blob. */
  names(digest: string): boolean {
    return this.store.get('SELECT 1 FROM history_blobs WHERE digest = ? LIMIT 1', digest) !== undefined;
  }

  /** Every blob of every record. */
  blobs(): Set<string> {
    return new Set(this.store.all<{ digest: string }>('SELECT DISTINCT digest FROM history_blobs').map(({ digest }) => digest));
  }
}

const decode = ({ record }: { readonly record: Uint8Array }): BuildHistoryRecord => BuildHistoryRecord.decode(record);

/** Digests of all that a record names. */
export function blobsOf(record: BuildHistoryRecord): ReadonlySet<string> {
  const results = [record.Result, ...Object.values(record.Results)].flatMap((result) =>
    result === undefined ? [] : [result.ResultDeprecated, ...Object.values(result.Results), ...result.Attestations],
  );
  const all = [record.logs, record.trace, record.externalError, ...results];
  return new Set(all.flatMap((descriptor) => (descriptor === undefined ? [] : [descriptor.digest])));
}
