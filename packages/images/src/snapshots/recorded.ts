import { alreadyExists, failedPrecondition, invalidArgument, notFound } from '@gantry/rpc';
import type { Matcher } from '@gantry/oci/filter';
import { applyLabelPath, checkLabels, type Labels } from '../store/labels';
import type { LeaseTable } from '../store/leases';
import type { Scope } from '../store/namespaced';
import { microsAfter, nowMicros } from '../store/time';
import { Kind, KEPT, type SnapshotRecord, type SnapshotTable } from './records';
import type { CommitOptions, Mount, Snapshotter, Usage } from './snapshotter';

/** Hears what happened, whoever asked for it. */
export interface SnapshotListener {
  prepared(scope: Scope, key: string, parent: string): void;
  committed(scope: Scope, key: string, name: string): void;
  removed(scope: Scope, key: string): void;
}

export interface RecordedOptions {
  readonly table: SnapshotTable;
  readonly leases: LeaseTable;
  /** Tells one boot of the machine from another. */
  readonly boot: string;
  readonly listener?: SnapshotListener;
}

interface Insertion {
  readonly key: string;
  readonly parent: string;
  readonly kind: Kind;
  readonly labels: Labels;
  readonly backend?: string;
}

/** Instead of inodes: the layer was laid out here and its size is that of its files, as docker tells it. What it takes on disk is counted when asked. */
export const UNCOUNTED = 0;

/** Keys of snapshots that a layer is being unpacked into, containerd's (snapshots.UnpackKeyPrefix) and ours: whoever unpacks begins anew after a power cut. */
const UNPACKING = ['extract-', 'gantry-extract-'];

/** What the column `leased` says: nobody's, a lease's, or kept by who made it. */
const held = ({ kept }: Scope, leased: boolean): number => (kept === true ? KEPT : leased ? 1 : 0);

/**
 * What all snapshotters share: names, parents, labels, kinds and leases are records of the one store, so that garbage collection and
 * docker's view see them without asking a driver. A driver brings the trees.
 */
export abstract class RecordedSnapshotter implements Snapshotter {
  readonly name: string;
  readonly holdsSizes: boolean = false;

  constructor(protected readonly base: RecordedOptions) {
    this.name = base.table.snapshotter;
  }

  abstract prepare(scope: Scope, key: string, parent: string, labels: Labels): Promise<readonly Mount[]>;
  abstract view(scope: Scope, key: string, parent: string, labels: Labels): Promise<readonly Mount[]>;
  abstract cleanup(): Promise<void>;
  /** Mounts of an active snapshot or a view. */
  protected abstract mountsOf(record: SnapshotRecord): Promise<readonly Mount[]>;
  /** Measures the snapshot's own layer. */
  protected abstract measure(record: SnapshotRecord): Promise<Usage>;
  /** Gets rid of the tree of a snapshot whose record is gone, behind the caller; the next start finishes what a crash leaves. */
  abstract discard(record: Pick<SnapshotRecord, 'id' | 'backend'>): void;
  /** Runs fn with read-only mounts of a committed snapshot. */
  abstract withParent<T>(record: SnapshotRecord, fn: (mounts: readonly Mount[]) => Promise<T>): Promise<T>;
  /** Directories of a snapshot and its ancestors, top first; empty where they are not ours to know. */
  abstract lowerDirectories(record: SnapshotRecord): string[];
  /** The records whose tree is not there. */
  abstract missing(records: readonly SnapshotRecord[]): Promise<SnapshotRecord[]>;
  /** Names of trees that no record has. */
  abstract strays(): Promise<string[]>;
  abstract removeStray(name: string): Promise<void>;

  async mounts(scope: Scope, key: string): Promise<readonly Mount[]> {
    const record = this.stat(scope, key);
    if (record.kind === Kind.committed) throw failedPrecondition(`snapshot ${key} is committed: it has no mounts of its own`);
    return this.mountsOf(record);
  }

  async commit(scope: Scope, name: string, key: string, options: CommitOptions): Promise<void> {
    if (name === '') throw invalidArgument('snapshot name is empty');
    checkLabels(options.labels);
    const record = this.stat(scope, key);
    if (record.kind !== Kind.active) throw failedPrecondition(`snapshot ${key} is not active`);
    if (this.find(scope, name) !== undefined) throw alreadyExists(`snapshot ${name}: already exists`);
    const usage = options.usage ?? (await this.measure(record));
    const backend = await this.beforeCommit(record, options);
    const { table, leases } = this.base;
    const write = (): void => {
      const now = this.stat(scope, key);
      if (now.id !== record.id || now.kind !== Kind.active) throw failedPrecondition(`snapshot ${key} is not active`);
      if (table.find(scope, name) !== undefined) throw alreadyExists(`snapshot ${name}: already exists`);
      let { parent } = now;
      if (options.parent !== undefined && options.parent !== '') {
        const wanted = this.committed(scope, options.parent).id;
        if (parent !== null && parent !== wanted)
          throw failedPrecondition(`snapshot ${key} has the parent ${now.parentName}, not ${options.parent}`);
        parent = wanted;
      }
      leases.drop(scope, this.resource(key));
      const leased = leases.hold(scope, this.resource(name));
      const committed = nowMicros(); // another snapshot than the active one was: with a time of its own
      table.db.run(
        'UPDATE snapshots SET name = ?, kind = ?, parent = ?, labels = ?, created = ?, updated = ?, size = ?, inodes = ?, backend = ?, leased = MAX(leased, ?) WHERE id = ?',
        name,
        Kind.committed,
        parent,
        JSON.stringify(options.labels),
        committed,
        committed,
        usage.size,
        usage.inodes,
        backend,
        held(scope, leased),
        record.id,
      );
    };
    table.db.transaction(write, { durable: leases.durable(scope) });
    this.base.listener?.committed(scope, key, name);
  }

  /** A power cut may bring a snapshot back that was just removed: whole, because its tree goes only after the record is off the disk. */
  remove(scope: Scope, key: string): Promise<void> {
    const { table, leases } = this.base;
    const gone = table.db.transaction(
      () => {
        const record = this.stat(scope, key);
        if (table.hasChildren(record.id)) throw failedPrecondition(`cannot remove snapshot ${key}: it has children`);
        table.db.run('DELETE FROM snapshots WHERE id = ?', record.id);
        leases.drop(scope, this.resource(key));
        return record;
      },
      { durable: false },
    );
    this.discard(gone);
    this.base.listener?.removed(scope, key);
    return Promise.resolve();
  }

  stat(scope: Scope, key: string): SnapshotRecord {
    const record = this.find(scope, key);
    if (record === undefined) throw notFound(`snapshot ${key}: not found`);
    return record;
  }

  find(scope: Scope, key: string): SnapshotRecord | undefined {
    return this.base.table.find(scope, key);
  }

  update(scope: Scope, key: string, labels: Labels, mask: readonly string[]): SnapshotRecord {
    const { db } = this.base.table;
    return db.transaction(() => {
      const record = this.stat(scope, key);
      let next = mask.length === 0 ? labels : record.labels;
      for (const path of mask) {
        const changed = applyLabelPath(next, labels, path);
        if (changed === undefined) throw invalidArgument(`cannot update "${path}" field of snapshot ${key}`);
        next = changed;
      }
      checkLabels(next);
      db.run('UPDATE snapshots SET labels = ?, updated = ? WHERE id = ?', JSON.stringify(next), microsAfter(record.updated), record.id);
      return this.stat(scope, key);
    });
  }

  list(scope: Scope, filter: Matcher): SnapshotRecord[] {
    return this.base.table.list(scope, filter);
  }

  get table(): SnapshotTable {
    return this.base.table;
  }

  async usage(scope: Scope, key: string): Promise<Usage> {
    const record = this.stat(scope, key);
    const counted = record.kind === Kind.committed && record.inodes !== UNCOUNTED;
    return counted ? { size: record.size, inodes: record.inodes } : this.measure(record);
  }

  /** What a driver does before the record changes; the backend name of the committed snapshot. */
  protected beforeCommit(record: SnapshotRecord, _options: CommitOptions): Promise<string> {
    return Promise.resolve(record.backend);
  }

  /** Puts a record into the store. `place` makes the tree's directory in the same moment; its throw takes the record back. */
  protected insert(
    scope: Scope,
    { key, parent, kind, labels, backend = '' }: Insertion,
    place: (id: number, base: SnapshotRecord | undefined) => void,
  ): SnapshotRecord {
    if (key === '') throw invalidArgument('snapshot key is empty');
    checkLabels(labels);
    const { table, leases, boot } = this.base;
    const write = (): SnapshotRecord => {
      this.refuseKnown(scope, key);
      const base = parent === '' ? undefined : this.committed(scope, parent);
      const leased = leases.hold(scope, this.resource(key));
      const now = nowMicros();
      const id = table.db.insert(
        'INSERT INTO snapshots (ns, snapshotter, name, parent, kind, labels, created, updated, leased, boot, backend) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
        scope.namespace,
        this.name,
        key,
        base?.id ?? null,
        kind,
        JSON.stringify(labels),
        now,
        now,
        held(scope, leased),
        boot,
        backend,
      );
      place(id, base);
      return {
        id,
        name: key,
        parent: base?.id ?? null,
        parentName: parent,
        kind,
        labels,
        created: now,
        updated: now,
        size: 0,
        inodes: 0,
        backend,
      };
    };
    return table.db.transaction(write, { durable: leases.durable(scope) && !UNPACKING.some((prefix) => key.startsWith(prefix)) });
  }

  protected refuseKnown(scope: Scope, key: string): void {
    if (this.find(scope, key) !== undefined) throw alreadyExists(`snapshot ${key}: already exists`);
  }

  protected committed(scope: Scope, name: string): SnapshotRecord {
    const record = this.find(scope, name);
    if (record === undefined) throw notFound(`parent snapshot ${name}: not found`);
    if (record.kind !== Kind.committed) throw failedPrecondition(`parent snapshot ${name} is not committed`);
    return record;
  }

  protected resource(id: string): { readonly type: string; readonly id: string } {
    return { type: `snapshots/${this.name}`, id };
  }
}
