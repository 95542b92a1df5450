import { existsSync, renameSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { alreadyExists, failedPrecondition, invalidArgument, unavailable } from '@gantry/rpc';
import type { Database } from '../store/database';
import type { Matcher } from '@gantry/oci/filter';
import type { Labels } from '../store/labels';
import type { LeaseTable } from '../store/leases';
import type { Scope } from '../store/namespaced';
import { Ingest, type IngestKeeper } from './ingest';
import { type IngestRecord, IngestTable } from './ingests';
import { checkDigest, type ContentPaths } from './paths';
import type { ContentInfo, ContentTable } from './records';
import { BlobWriter } from './writer';

const INGEST_DAY = 86_400_000;

export interface IngestStatus extends IngestRecord {
  readonly offset: number;
}

export interface UploadsOptions {
  readonly db: Database;
  readonly leases: LeaseTable;
  readonly paths: ContentPaths;
  readonly table: ContentTable;
  readonly boot: string;
  /** A blob was committed whose bytes may not be on the disk yet. */
  readonly written: (digest: string) => void;
}

/** Uploads that become blobs. One writer a ref; a broken upload keeps its bytes until it is resumed or aborted. */
export class Uploads implements IngestKeeper {
  readonly records: IngestTable;
  private readonly open = new Map<string, Ingest>();

  constructor(private readonly options: UploadsOptions) {
    this.records = new IngestTable(options.db);
  }

  status(scope: Scope, ref: string): IngestStatus {
    const record = this.records.get(scope, ref);
    return this.statusOf(scope, record);
  }

  statuses(scope: Scope, filter: Matcher): IngestStatus[] {
    return this.records
      .list(scope)
      .filter((record) => filter((path) => (path[0] === 'ref' ? record.ref : undefined)))
      .map((record) => this.statusOf(scope, record));
  }

  /** Also what somebody has open, as containerd does: its writer finds it closed. */
  async abort(scope: Scope, ref: string): Promise<void> {
    const record = this.records.get(scope, ref);
    await this.open.get(key(scope, ref))?.discard();
    this.forget(scope, record);
    await rm(this.pathOf(record), { force: true });
  }

  isOpen(scope: Scope, ref: string): boolean {
    return this.open.has(key(scope, ref));
  }

  /** Uploads that nobody has open, no lease holds, and nobody has written to for a day, as containerd lets them expire. now: milliseconds. */
  stale(now: number): { readonly ns: string; readonly ref: string }[] {
    const rows = this.options.db.all<{ id: number; ns: string; ref: string }>(
      "SELECT i.id, i.ns, i.ref FROM ingests i WHERE NOT EXISTS (SELECT 1 FROM lease_resources r WHERE r.ns = i.ns AND r.type = 'ingests' AND r.id = i.ref)",
    );
    return rows.filter(({ id, ns, ref }) => {
      const path = this.options.paths.ingest(id);
      return !this.isOpen({ namespace: ns }, ref) && existsSync(path) && now - statSync(path).mtimeMs > INGEST_DAY;
    });
  }

  /**
   * Opens the one writer of a ref, resuming what is there. Fails with alreadyExists when the expected content is there, with
   * unavailable when another writer holds the ref.
   */
  async begin(scope: Scope, ref: string, total: number, expected: string): Promise<Ingest> {
    if (ref === '') throw invalidArgument('ingest ref is empty');
    if (expected !== '') this.refuseKnown(scope, checkDigest(expected));
    const name = key(scope, ref);
    if (this.open.has(name)) throw unavailable(`ref ${ref} is locked by another writer`);
    const holder = new Ingest(this, scope, ref);
    this.open.set(name, holder);
    try {
      const record = this.record(scope, ref, total, expected);
      holder.begin(record, await BlobWriter.open(this.pathOf(record)));
      return holder;
    } catch (error) {
      this.open.delete(name);
      throw error;
    }
  }

  private record(scope: Scope, ref: string, total: number, expected: string): IngestRecord {
    const old = this.records.find(scope, ref);
    if (old !== undefined && total > 0 && old.total > 0 && old.total !== total)
      throw failedPrecondition(`ref ${ref} was begun with a total of ${old.total}, not ${total}`);
    if (old !== undefined) return old;
    const { db, leases } = this.options;
    const write = (): IngestRecord => {
      leases.hold(scope, { type: 'ingests', id: ref });
      return this.records.create(scope, ref, total, expected);
    };
    return db.transaction(write, { durable: leases.durable(scope) });
  }

  pathOf(record: IngestRecord | undefined): string {
    return this.options.paths.ingest(record?.id ?? 0);
  }

  touch(record: IngestRecord, updated: number): void {
    this.records.touch(record.id, updated);
  }

  release(scope: Scope, ref: string): void {
    this.open.delete(key(scope, ref));
  }

  drop(scope: Scope, record: IngestRecord): boolean {
    if (this.records.find(scope, record.ref)?.id !== record.id) return false;
    const { db, leases } = this.options;
    db.transaction(() => this.records.delete(record.id), { durable: leases.durable(scope) });
    return true;
  }

  async adopt(scope: Scope, record: IngestRecord, digest: string, size: number, labels: Labels): Promise<ContentInfo> {
    const { db, leases, paths, table, boot, written } = this.options;
    const from = this.pathOf(record);
    if (table.find(scope, digest) !== undefined) {
      leases.hold(scope, { type: 'content', id: digest }); // before anything is awaited: a collection may be due
      db.transaction(() => this.forget(scope, record), { durable: leases.durable(scope) });
      await rm(from, { force: true });
      throw alreadyExists(`content ${digest}: already exists`);
    }
    const known = table.sharedSize(digest) !== undefined;
    if (!known) renameSync(from, paths.blob(digest));
    const write = (): ContentInfo => {
      if (!known) db.run('INSERT INTO blobs (digest, size, synced, boot) VALUES (?, ?, 0, ?)', digest, size, boot);
      this.forget(scope, record);
      const leased = leases.hold(scope, { type: 'content', id: digest });
      return table.insert(scope, digest, labels, leased);
    };
    const info = db.transaction(write, { durable: leases.durable(scope) });
    if (known) await rm(from, { force: true });
    else written(digest);
    return info;
  }

  private forget(scope: Scope, record: IngestRecord): void {
    this.records.delete(record.id);
    this.options.leases.drop(scope, { type: 'ingests', id: record.ref });
  }

  /** Content that another namespace has is shared: it only needs a record. */
  private refuseKnown(scope: Scope, expected: string): void {
    const { db, leases, table } = this.options;
    if (table.find(scope, expected) === undefined) {
      if (table.sharedSize(expected) === undefined) return;
      const share = (): ContentInfo => table.insert(scope, expected, {}, leases.hold(scope, { type: 'content', id: expected }));
      db.transaction(share, { durable: leases.durable(scope) });
    } else {
      leases.hold(scope, { type: 'content', id: expected });
    }
    throw alreadyExists(`content ${expected}: already exists`);
  }

  private statusOf(scope: Scope, record: IngestRecord): IngestStatus {
    const ingest = this.open.get(key(scope, record.ref));
    if (ingest !== undefined) return { ...record, offset: ingest.offset, updated: ingest.updated };
    const path = this.pathOf(record);
    return { ...record, offset: existsSync(path) ? statSync(path).size : 0 };
  }
}

const key = (scope: Scope, ref: string): string => `${scope.namespace}\0${ref}`;
