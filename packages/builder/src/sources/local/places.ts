import { randomUUID } from 'node:crypto';
import { access, mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { hasCode } from '@gantry/linux';
import type { Logger } from '@gantry/rpc';
import { listingFiles } from './listing';

/** SQL of the table that this room keeps in the builder's store. */
export const localStateTable = `CREATE TABLE local_state (
  key TEXT PRIMARY KEY, record TEXT NOT NULL, listing TEXT NOT NULL, depth INTEGER NOT NULL
) STRICT, WITHOUT ROWID;`;

/** The last tree of a client's folder. */
export interface Place {
  /** Record of the tree. */
  readonly record: string;
  /** File with the list of its files. */
  readonly listing: string;
  /** Trees that it stands on, itself counted. */
  readonly depth: number;
}

/** What of the store is needed. */
export interface PlaceStore {
  run(sql: string, ...values: (string | number)[]): number;
  get<T>(sql: string, ...values: string[]): T | undefined;
  all<T>(sql: string, ...values: string[]): T[];
  transaction<T>(fn: () => T, options: { readonly durable: boolean }): T;
}

/**
 * Which tree a client's folder was brought into the last time, with the list of what it told of it. A new one counts at once and is written behind the caller,
 * its list on the disk first: a row never leads to a list that a power cut has taken parts of.
 */
export class Places {
  /** New ones, until their rows are written. */
  private readonly fresh = new Map<string, Place>();
  private writing: Promise<void> = Promise.resolve();

  constructor(
    private readonly store: PlaceStore,
    private readonly folder: string,
    private readonly logger: Pick<Logger, 'warn'>,
  ) {}

  /** Removes lists that no tree has any more, and places whose tree or list is gone. */
  async start(isHere: (record: string) => boolean): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    const rows = this.store.all<Place & { readonly key: string }>('SELECT key, record, listing, depth FROM local_state');
    const kept = new Set<string>();
    for (const { key, record, listing } of rows) {
      const files = listingFiles(this.path(listing));
      if (isHere(record) && (await allThere(files))) for (const path of files) kept.add(path);
      else this.store.run('DELETE FROM local_state WHERE key = ?', key);
    }
    for (const name of await readdir(this.folder)) {
      const path = join(this.folder, name);
      if (!kept.has(path)) await rm(path, { force: true });
    }
  }

  find(key: string): Place | undefined {
    return this.fresh.get(key) ?? this.written(key);
  }

  /** Name for a list that is being written. */
  newListing(): string {
    return randomUUID();
  }

  path(listing: string): string {
    return join(this.folder, listing);
  }

  keep(key: string, place: Place): void {
    this.fresh.set(key, place);
    this.writing = this.writing
      .then(() => this.write(key, place))
      .catch((error: unknown) => this.logger.warn({ err: error, listing: place.listing }, 'the list of a local source is not kept'));
  }

  async drop(listing: string): Promise<void> {
    for (const path of listingFiles(this.path(listing))) await rm(path, { force: true });
  }

  /** All that is kept is written. */
  settled(): Promise<void> {
    return this.writing;
  }

  private async write(key: string, place: Place): Promise<void> {
    if (this.fresh.get(key) !== place) return this.drop(place.listing); // a newer one is there already
    for (const path of listingFiles(this.path(place.listing))) await ontoDisk(path);
    const old = this.written(key);
    const sql = 'INSERT OR REPLACE INTO local_state (key, record, listing, depth) VALUES (?, ?, ?, ?)';
    this.store.transaction(() => this.store.run(sql, key, place.record, place.listing, place.depth), { durable: false });
    if (this.fresh.get(key) === place) this.fresh.delete(key);
    if (old !== undefined) await this.drop(old.listing);
  }

  private written(key: string): Place | undefined {
    return this.store.get<Place>('SELECT record, listing, depth FROM local_state WHERE key = ?', key);
  }
}

async function ontoDisk(path: string): Promise<void> {
  const file = await open(path, 'r');
  await file.datasync().finally(() => file.close());
}

async function allThere(paths: readonly string[]): Promise<boolean> {
  for (const path of paths) {
    try {
      await access(path);
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return false;
      throw error;
    }
  }
  return true;
}
