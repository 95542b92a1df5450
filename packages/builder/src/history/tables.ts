import type { Tables } from '../store';

/** Records of builds that are over (BuildHistoryRecord), and the blobs that belong to each. */
export const historyTables: Tables = `
  CREATE TABLE history (ref TEXT PRIMARY KEY, record BLOB NOT NULL, completed INTEGER NOT NULL, pinned INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE INDEX history_completed ON history (pinned, completed);
  CREATE TABLE history_blobs (ref TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (ref, digest)) STRICT, WITHOUT ROWID;
  CREATE INDEX history_blobs_digest ON history_blobs (digest);
`;
