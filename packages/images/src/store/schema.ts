/**
 * One entry a version; a later version is appended, never edited. Times are microseconds since the epoch, labels and options JSON
 * objects. `leased` tells that a lease held the object when it was made: garbage collection may then judge it at once.
 */
export const schema: readonly string[] = [
  `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;

  -- Files in the blob directory, shared by all namespaces. synced: its bytes were flushed; boot: the boot they were written in.
  CREATE TABLE blobs (digest TEXT PRIMARY KEY, size INTEGER NOT NULL, synced INTEGER NOT NULL, boot TEXT NOT NULL) STRICT;

  CREATE TABLE content (
    ns TEXT NOT NULL, digest TEXT NOT NULL REFERENCES blobs (digest), labels TEXT NOT NULL,
    created INTEGER NOT NULL, updated INTEGER NOT NULL, leased INTEGER NOT NULL,
    PRIMARY KEY (ns, digest)
  ) STRICT;
  CREATE INDEX content_digest ON content (digest);

  CREATE TABLE ingests (
    id INTEGER PRIMARY KEY AUTOINCREMENT, ns TEXT NOT NULL, ref TEXT NOT NULL, total INTEGER NOT NULL, expected TEXT NOT NULL,
    started INTEGER NOT NULL, updated INTEGER NOT NULL, UNIQUE (ns, ref)
  ) STRICT;

  CREATE TABLE images (
    ns TEXT NOT NULL, name TEXT NOT NULL, labels TEXT NOT NULL, media_type TEXT NOT NULL, digest TEXT NOT NULL, size INTEGER NOT NULL,
    annotations TEXT NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT NULL,
    PRIMARY KEY (ns, name)
  ) STRICT;
  CREATE INDEX images_digest ON images (ns, digest);

  -- id names the directory and is never used again. kind: 1 view, 2 active, 3 committed (the numbers of the wire).
  CREATE TABLE snapshots (
    id INTEGER PRIMARY KEY AUTOINCREMENT, ns TEXT NOT NULL, name TEXT NOT NULL, parent INTEGER REFERENCES snapshots (id), kind INTEGER NOT NULL,
    labels TEXT NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT NULL, leased INTEGER NOT NULL,
    size INTEGER NOT NULL DEFAULT 0, inodes INTEGER NOT NULL DEFAULT 0, synced INTEGER NOT NULL DEFAULT 0, boot TEXT NOT NULL,
    UNIQUE (ns, name)
  ) STRICT;
  CREATE INDEX snapshots_parent ON snapshots (parent);

  CREATE TABLE leases (ns TEXT NOT NULL, id TEXT NOT NULL, labels TEXT NOT NULL, created INTEGER NOT NULL, PRIMARY KEY (ns, id)) STRICT;
  CREATE TABLE lease_resources (
    ns TEXT NOT NULL, lease TEXT NOT NULL, type TEXT NOT NULL, id TEXT NOT NULL,
    PRIMARY KEY (ns, lease, type, id), FOREIGN KEY (ns, lease) REFERENCES leases (ns, id) ON DELETE CASCADE
  ) STRICT;

  CREATE TABLE volumes (
    name TEXT PRIMARY KEY, labels TEXT NOT NULL, options TEXT NOT NULL, created INTEGER NOT NULL, anonymous INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE volume_references (
    name TEXT NOT NULL REFERENCES volumes (name), container TEXT NOT NULL, PRIMARY KEY (name, container)
  ) STRICT;
  `,
  // Snapshots of several snapshotters. backend: what a proxied snapshotter calls it; empty for those of our own. The ids that were given stay given.
  `
  CREATE TABLE snapshots_2 (
    id INTEGER PRIMARY KEY AUTOINCREMENT, ns TEXT NOT NULL, snapshotter TEXT NOT NULL, name TEXT NOT NULL, parent INTEGER REFERENCES snapshots_2 (id),
    kind INTEGER NOT NULL, labels TEXT NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT NULL, leased INTEGER NOT NULL,
    size INTEGER NOT NULL DEFAULT 0, inodes INTEGER NOT NULL DEFAULT 0, synced INTEGER NOT NULL DEFAULT 0, boot TEXT NOT NULL,
    backend TEXT NOT NULL DEFAULT '', UNIQUE (ns, snapshotter, name)
  ) STRICT;
  INSERT INTO snapshots_2 (id, ns, snapshotter, name, parent, kind, labels, created, updated, leased, size, inodes, synced, boot)
    SELECT id, ns, 'overlayfs', name, parent, kind, labels, created, updated, leased, size, inodes, synced, boot FROM snapshots ORDER BY id;
  DELETE FROM sqlite_sequence WHERE name = 'snapshots_2';
  INSERT INTO sqlite_sequence (name, seq) SELECT 'snapshots_2', seq FROM sqlite_sequence WHERE name = 'snapshots';
  DROP TABLE snapshots;
  ALTER TABLE snapshots_2 RENAME TO snapshots;
  CREATE INDEX snapshots_parent ON snapshots (parent);
  `,
  // Volumes that plugins keep: their driver, where they were mounted last, and for which containers.
  `
  ALTER TABLE volumes ADD COLUMN driver TEXT NOT NULL DEFAULT 'local';
  ALTER TABLE volumes ADD COLUMN scope TEXT NOT NULL DEFAULT 'local';
  ALTER TABLE volumes ADD COLUMN mountpoint TEXT NOT NULL DEFAULT '';
  ALTER TABLE volume_references ADD COLUMN mounted INTEGER NOT NULL DEFAULT 0;
  `,
  // Projects of the file system that volumes and snapshots with a size are: their directories are a JSON list of paths below the data root, the first is the name.
  `
  CREATE TABLE projects (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, directories TEXT NOT NULL, bytes INTEGER NOT NULL) STRICT;
  `,
];
