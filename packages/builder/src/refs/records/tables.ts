import type { Tables } from '../../store';

/**
 * One row a tree. kind: tree (a step's own snapshot), layer (of an image; its snapshot is named by its chain id and shared), merge, diff (laid out when first
 * mounted), cache (stays writable). snapshot: empty until there is one. size: -1 until it was counted. Times are milliseconds since 1970.
 */
export const recordTables: Tables = `
  CREATE TABLE records (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, parents TEXT NOT NULL, snapshot TEXT NOT NULL, chain TEXT UNIQUE, cache_key TEXT,
    blob TEXT, diff_id TEXT, fetched INTEGER NOT NULL, description TEXT NOT NULL, type TEXT NOT NULL, created INTEGER NOT NULL,
    last_used INTEGER, usage_count INTEGER NOT NULL, size INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE record_blobs (
    record TEXT NOT NULL REFERENCES records (id) ON DELETE CASCADE, how TEXT NOT NULL, blob TEXT NOT NULL, diff_id TEXT NOT NULL,
    PRIMARY KEY (record, how)
  ) STRICT;
  CREATE TABLE record_sums (
    record TEXT NOT NULL REFERENCES records (id) ON DELETE CASCADE, selector TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (record, selector)
  ) STRICT;
`;
