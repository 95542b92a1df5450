import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readdirSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { errorText, failedPrecondition } from '@gantry/rpc';
import type { ContentStore } from '../content/store';
import type { Database } from '../store/database';
import type { ImageTable } from '../store/images';
import type { Finding } from './finding';
import type { Refetch } from './refetch';
import { WantedBlobs } from './wanted';

export interface BlobCheck {
  readonly db: Database;
  readonly content: ContentStore;
  readonly images: ImageTable;
  readonly refetch: Refetch;
  /** Told each blob that was read whole. */
  readonly counted: (bytes: number) => void;
}

interface Row {
  readonly digest: string;
  readonly size: number;
}

/** Reads every blob: small ones first, because documents tell where the others came from. */
export async function* checkBlobs(check: BlobCheck): AsyncGenerator<Finding> {
  const { db, content } = check;
  for (const { digest, size } of db.all<Row>('SELECT digest, size FROM blobs ORDER BY size, digest')) {
    const wrong = await problemOf(content.paths.blob(digest), digest, size);
    check.counted(size);
    if (wrong === undefined || content.table.sharedSize(digest) === undefined) continue; // removed while it was read
    yield { ...wrong, object: 'blob', id: digest, namespace: '', repair: () => restore(check, digest) };
  }
  for (const name of readdirSync(content.paths.blobs)) {
    if (content.table.sharedSize(`sha256:${name}`) !== undefined) continue;
    const path = join(content.paths.blobs, name);
    if (!existsSync(path)) continue;
    yield {
      problem: 'orphaned',
      object: 'blob',
      id: /^[0-9a-f]{64}$/.test(name) ? `sha256:${name}` : name,
      namespace: '',
      detail: `${path} has no record`,
      repair: async () => {
        if (content.table.sharedSize(`sha256:${name}`) !== undefined) throw failedPrecondition('it has a record by now');
        await rm(path, { force: true });
        return 'removed';
      },
    };
  }
}

async function problemOf(path: string, digest: string, size: number): Promise<Pick<Finding, 'problem' | 'detail'> | undefined> {
  if (!existsSync(path)) return { problem: 'missing', detail: `${path} is not there` };
  const found = statSync(path).size;
  if (found !== size) return { problem: 'altered', detail: `it has ${found} bytes instead of ${size}` };
  const hash = createHash('sha256');
  try {
    for await (const part of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(part as Buffer);
  } catch (error) {
    return { problem: 'altered', detail: `it cannot be read: ${errorText(error)}` };
  }
  const actual = `sha256:${hash.digest('hex')}`;
  return actual === digest ? undefined : { problem: 'altered', detail: `its bytes have the digest ${actual}` };
}

/** Pulled again, or forgotten: wrong bytes are worth nothing, and a forgotten blob can be loaded or pulled. */
async function restore({ db, content, images, refetch }: BlobCheck, digest: string): Promise<string> {
  const wanted = (await WantedBlobs.gather(db, content, images)).find(digest);
  let why = 'no image needs it';
  if (wanted !== undefined) {
    try {
      return await refetch.replace(wanted);
    } catch (error) {
      why = errorText(error);
    }
  }
  db.transaction(() => {
    db.run('DELETE FROM content WHERE digest = ?', digest);
    db.run('DELETE FROM blobs WHERE digest = ?', digest);
    db.run("DELETE FROM lease_resources WHERE type = 'content' AND id = ?", digest);
  });
  await rm(content.paths.blob(digest), { force: true });
  if (wanted === undefined) return `forgotten: ${why}`;
  throw failedPrecondition(`forgotten, because it could not be pulled again: ${why}`);
}
