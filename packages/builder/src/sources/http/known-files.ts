import type { PlaceStore } from '../local/places';

/** SQL of the table that this room keeps in the builder's store. */
export const httpStateTable = `CREATE TABLE http_state (
  key TEXT NOT NULL, etag TEXT NOT NULL, checksum TEXT NOT NULL, modified TEXT NOT NULL, filename TEXT NOT NULL, record TEXT NOT NULL,
  PRIMARY KEY (key, checksum)
) STRICT, WITHOUT ROWID;`;

/** A file that was fetched before. */
export interface KnownFile {
  /** Empty: the server named none. */
  readonly etag: string;
  readonly checksum: string;
  readonly modified: string;
  readonly filename: string;
  readonly record: string;
}

/** Files that were fetched, by address and by how they were asked for. */
export class KnownFiles {
  constructor(private readonly store: PlaceStore) {}

  find(key: string): readonly KnownFile[] {
    return this.store.all<KnownFile>('SELECT etag, checksum, modified, filename, record FROM http_state WHERE key = ?', key);
  }

  keep(key: string, { etag, checksum, modified, filename, record }: KnownFile): void {
    this.store.run(
      'INSERT OR REPLACE INTO http_state (key, etag, checksum, modified, filename, record) VALUES (?, ?, ?, ?, ?, ?)',
      key,
      etag,
      checksum,
      modified,
      filename,
      record,
    );
  }

  drop(record: string): void {
    this.store.run('DELETE FROM http_state WHERE record = ?', record);
  }
}
