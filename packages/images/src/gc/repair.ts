import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { OPERATION_LABEL } from '@gantry/api';
import { isErrorOf, type Logger } from '@gantry/rpc';
import type { ContentPaths } from '../content/paths';
import type { RecordedSnapshotter } from '../snapshots/recorded';
import type { Database } from '../store/database';
import { parseLabels } from '../store/labels';

export interface RepairOptions {
  readonly db: Database;
  readonly paths: ContentPaths;
  readonly snapshotters: readonly RecordedSnapshotter[];
  readonly boot: string;
  readonly logger: Logger;
}

/**
 * Run before anything is served: what a crash left between the store and the disk. The store is right; files that it does not know go. Records
 * whose file is missing go too, so that the content is fetched again. Blobs of another boot that were never flushed are read and checked.
 */
export async function repair(options: RepairOptions): Promise<void> {
  dropOperations(options);
  await checkBlobs(options);
  const { db, paths } = options;
  dropEmptyIngests(options);
  const known = new Set(db.all<{ digest: string }>('SELECT digest FROM blobs').map(({ digest }) => digest.slice('sha256:'.length)));
  removeUnknown(paths.blobs, known, options);
  removeUnknown(paths.trash, new Set(), options);
  removeUnknown(paths.ingests, new Set(db.all<{ id: number }>('SELECT id FROM ingests').map(({ id }) => String(id))), options);
  await repairSnapshots(options);
}

/** Leases and loose layers of operations that were cut off. */
function dropOperations({ db }: RepairOptions): void {
  db.transaction(() => {
    for (const { ns, id, labels } of db.all<{ ns: string; id: string; labels: string }>('SELECT ns, id, labels FROM leases')) {
      if (parseLabels(labels)[OPERATION_LABEL] !== undefined) db.run('DELETE FROM leases WHERE ns = ? AND id = ?', ns, id);
    }
    db.run("DELETE FROM snapshots WHERE kind = 2 AND name GLOB 'gantry-extract-*'");
    db.run("DELETE FROM ingests WHERE ref GLOB 'load-*' OR ref GLOB 'put-*'");
  });
}

/** Uploads that were recorded and got no file, or whose file had become a blob that was not recorded any more: they begin anew. */
function dropEmptyIngests({ db, paths, logger }: RepairOptions): void {
  for (const { id, ns, ref } of db.all<{ id: number; ns: string; ref: string }>('SELECT id, ns, ref FROM ingests')) {
    if (existsSync(paths.ingest(id))) continue;
    logger.info({ ingest: ref }, 'ingest has no file: it is forgotten');
    db.transaction(() => {
      db.run('DELETE FROM ingests WHERE id = ?', id);
      db.run("DELETE FROM lease_resources WHERE ns = ? AND type = 'ingests' AND id = ?", ns, ref);
    });
  }
}

async function checkBlobs({ db, paths, boot, logger }: RepairOptions): Promise<void> {
  for (const { digest, size, synced, boot: written } of db.all<{ digest: string; size: number; synced: number; boot: string }>(
    'SELECT digest, size, synced, boot FROM blobs',
  )) {
    const path = paths.blob(digest);
    const whole =
      existsSync(path) && statSync(path).size === size && (synced === 1 || written === boot || (await digestOf(path)) === digest);
    if (whole) continue;
    logger.warn({ digest }, 'blob is missing or broken: it is forgotten and will be fetched again');
    db.transaction(() => {
      db.run('DELETE FROM content WHERE digest = ?', digest);
      db.run('DELETE FROM blobs WHERE digest = ?', digest);
    });
  }
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const part of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(part as Buffer);
  return `sha256:${hash.digest('hex')}`;
}

function removeUnknown(dir: string, known: ReadonlySet<string>, { logger }: RepairOptions): void {
  for (const name of readdirSync(dir)) {
    if (known.has(name)) continue;
    logger.info({ path: join(dir, name) }, 'removing what a crash left');
    rmSync(join(dir, name), { recursive: true, force: true });
  }
}

/** A foreign snapshotter that does not answer keeps its records: it may only be late. */
async function repairSnapshots({ db, snapshotters, logger }: RepairOptions): Promise<void> {
  for (const snapshotter of snapshotters) {
    try {
      for (const { id, name } of await snapshotter.missing(snapshotter.table.all())) {
        if (snapshotter.table.hasChildren(id)) {
          logger.error({ snapshot: name, snapshotter: snapshotter.name }, 'snapshot has no tree and others lie on it');
          continue;
        }
        logger.warn({ snapshot: name, snapshotter: snapshotter.name }, 'snapshot has no tree: it is forgotten');
        db.run('DELETE FROM snapshots WHERE id = ?', id);
      }
      for (const name of await snapshotter.strays()) {
        logger.info({ snapshot: name, snapshotter: snapshotter.name }, 'removing what a crash left');
        await snapshotter.removeStray(name);
      }
    } catch (error) {
      if (!isErrorOf(error, 'unavailable', 'deadlineExceeded')) throw error;
      logger.warn({ snapshotter: snapshotter.name, err: error }, 'snapshotter does not answer');
    }
  }
}
