import type { Tables } from '../../store';

/** Tables of the cache keys; the number of a key is not given again. `results.ref` is the record of the tree, '' for scratch. */
export const keysTables: Tables = `
  CREATE TABLE keys (id INTEGER PRIMARY KEY AUTOINCREMENT, digest TEXT NOT NULL, output INTEGER NOT NULL, root INTEGER NOT NULL) STRICT;
  CREATE UNIQUE INDEX keys_root ON keys (digest, output) WHERE root = 1;
  CREATE INDEX keys_digest ON keys (digest);
  CREATE TABLE links (
    source INTEGER NOT NULL, digest TEXT NOT NULL, output INTEGER NOT NULL, input INTEGER NOT NULL, selector TEXT NOT NULL, key INTEGER NOT NULL,
    PRIMARY KEY (source, digest, output, input, selector, key)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX links_key ON links (key);
  CREATE TABLE results (key INTEGER NOT NULL, ref TEXT NOT NULL, created INTEGER NOT NULL, PRIMARY KEY (key, ref)) STRICT, WITHOUT ROWID;
  CREATE INDEX results_ref ON results (ref);
`;
