import { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { alreadyExists, failedPrecondition, invalidArgument, notFound } from '@gantry/rpc';
import type { Filter } from '../store/filters';
import { applyLabelPath, checkLabels, type Labels } from '../store/labels';
import type { LeaseTable } from '../store/leases';
import type { Scope } from '../store/namespaced';
import { nowMicros } from '../store/time';
import { Kind, type SnapshotRecord, type SnapshotTable } from './records';
import type { Removals } from './removals';
import type { Mount, Snapshotter, Usage } from './snapshotter';
import { diskUsage } from './usage';

/** Name under which leases and labels know this snapshotter. */
export const SNAPSHOTTER = 'overlayfs';
const resource = (id: string) => ({ type: `snapshots/${SNAPSHOTTER}`, id });

export interface OverlayOptions {
  /** Directory of the snapshots; each is `<root>/<number>/{fs,work}`. */
  readonly root: string;
  readonly table: SnapshotTable;
  readonly leases: LeaseTable;
  readonly boot: string;
  readonly removals: Removals;
}

/**
 * overlayfs: one directory a snapshot, stacked by the kernel, never copied. Directory names are short numbers, so that 128 of them fit one
 * mount's options when they are given relative to the root.
 */
export class OverlaySnapshotter implements Snapshotter {
  /** A host may have turned index on by default, which makes a lower layer shared by two uppers fail. */
  private readonly indexOff = existsSync('/sys/module/overlay/parameters/index') ? ['index=off'] : [];

  constructor(private readonly options: OverlayOptions) {
    mkdirSync(options.root, { recursive: true, mode: 0o700 });
  }

  directory(id: number, part: 'fs' | 'work' = 'fs'): string {
    return join(this.options.root, String(id), part);
  }

  prepare(scope: Scope, key: string, parent: string, labels: Labels): Promise<readonly Mount[]> {
    return Promise.resolve(this.mountsOf(this.create(scope, key, parent, Kind.active, labels)));
  }

  view(scope: Scope, key: string, parent: string, labels: Labels): Promise<readonly Mount[]> {
    return Promise.resolve(this.mountsOf(this.create(scope, key, parent, Kind.view, labels)));
  }

  mounts(scope: Scope, key: string): readonly Mount[] {
    const record = this.stat(scope, key);
    if (record.kind === Kind.committed) throw failedPrecondition(`snapshot ${key} is committed: it has no mounts of its own`);
    return this.mountsOf(record);
  }

  /** Directories of a committed snapshot and its ancestors, top first. */
  lowerDirectories(record: SnapshotRecord): string[] {
    return [record.id, ...this.options.table.ancestors(record)].map((id) => this.directory(id));
  }

  create(scope: Scope, key: string, parent: string, kind: Kind, labels: Labels): SnapshotRecord {
    if (key === '') throw invalidArgument('snapshot key is empty');
    checkLabels(labels);
    const { db } = this.options.table;
    let made: string | undefined;
    try {
      return db.transaction(() => {
        if (this.options.table.find(scope, key) !== undefined) throw alreadyExists(`snapshot ${key}: already exists`);
        const base = parent === '' ? undefined : this.committed(scope, parent);
        const leased = this.options.leases.hold(scope, resource(key));
        const now = nowMicros();
        const id = db.insert(
          'INSERT INTO snapshots (ns, name, parent, kind, labels, created, updated, leased, boot) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
          scope.namespace, key, base?.id ?? null, kind, JSON.stringify(labels), now, now, leased ? 1 : 0, this.options.boot,
        );
        made = join(this.options.root, String(id));
        this.makeDirectories(id, base?.id, kind);
        return { id, name: key, parent: base?.id ?? null, parentName: parent, kind, labels, created: now, updated: now, size: 0, inodes: 0 };
      });
    } catch (error) {
      if (made !== undefined) rmSync(made, { recursive: true, force: true });
      throw error;
    }
  }

  async commit(scope: Scope, name: string, key: string, options: { readonly labels: Labels; readonly parent?: string; readonly usage?: Usage }): Promise<void> {
    if (name === '') throw invalidArgument('snapshot name is empty');
    checkLabels(options.labels);
    const usage = options.usage ?? (await diskUsage(this.directory(this.stat(scope, key).id)));
    const { table, leases } = this.options;
    table.db.transaction(() => {
      const record = this.stat(scope, key);
      if (record.kind !== Kind.active) throw failedPrecondition(`snapshot ${key} is not active`);
      if (table.find(scope, name) !== undefined) throw alreadyExists(`snapshot ${name}: already exists`);
      let parent = record.parent;
      if (options.parent !== undefined && options.parent !== '') {
        const wanted = this.committed(scope, options.parent).id;
        if (parent !== null && parent !== wanted) throw failedPrecondition(`snapshot ${key} has the parent ${record.parentName}, not ${options.parent}`);
        parent = wanted;
      }
      leases.drop(scope, resource(key));
      const leased = leases.hold(scope, resource(name));
      table.db.run(
        'UPDATE snapshots SET name = ?, kind = ?, parent = ?, labels = ?, updated = ?, size = ?, inodes = ?, leased = MAX(leased, ?) WHERE id = ?',
        name, Kind.committed, parent, JSON.stringify(options.labels), nowMicros(), usage.size, usage.inodes, leased ? 1 : 0, record.id,
      );
    });
  }

  /** A power cut may bring a snapshot back that was just removed: whole, because its directory goes only after the record is off the disk. */
  remove(scope: Scope, key: string): Promise<void> {
    const { table, leases } = this.options;
    const id = table.db.transaction(() => {
      const record = this.stat(scope, key);
      if (table.hasChildren(record.id)) throw failedPrecondition(`cannot remove snapshot ${key}: it has children`);
      table.db.run('DELETE FROM snapshots WHERE id = ?', record.id);
      leases.drop(scope, resource(key));
      return record.id;
    }, { durable: false });
    this.discard(id);
    return Promise.resolve();
  }

  /** Removes the directory of a snapshot whose record is gone, behind the caller; the next start finishes what a crash leaves. */
  discard(id: number): void {
    this.options.removals.add(join(this.options.root, String(id)));
  }

  stat(scope: Scope, key: string): SnapshotRecord {
    const record = this.options.table.find(scope, key);
    if (record === undefined) throw notFound(`snapshot ${key}: not found`);
    return record;
  }

  find(scope: Scope, key: string): SnapshotRecord | undefined {
    return this.options.table.find(scope, key);
  }

  update(scope: Scope, key: string, labels: Labels, mask: readonly string[]): SnapshotRecord {
    const { db } = this.options.table;
    return db.transaction(() => {
      const record = this.stat(scope, key);
      let next = mask.length === 0 ? labels : record.labels;
      for (const path of mask) {
        const changed = applyLabelPath(next, labels, path);
        if (changed === undefined) throw invalidArgument(`cannot update "${path}" field of snapshot ${key}`);
        next = changed;
      }
      checkLabels(next);
      db.run('UPDATE snapshots SET labels = ?, updated = ? WHERE id = ?', JSON.stringify(next), nowMicros(), record.id);
      return this.stat(scope, key);
    });
  }

  list(scope: Scope, filter: Filter): SnapshotRecord[] {
    return this.options.table.list(scope, filter);
  }

  async usage(scope: Scope, key: string): Promise<Usage> {
    const record = this.stat(scope, key);
    if (record.kind === Kind.committed) return { size: record.size, inodes: record.inodes };
    const upper = this.directory(record.id);
    return existsSync(upper) ? diskUsage(upper) : { size: 0, inodes: 0 };
  }

  cleanup(): Promise<void> {
    return this.options.removals.settled();
  }

  private committed(scope: Scope, name: string): SnapshotRecord {
    const record = this.options.table.find(scope, name);
    if (record === undefined) throw notFound(`parent snapshot ${name}: not found`);
    if (record.kind !== Kind.committed) throw failedPrecondition(`parent snapshot ${name} is not committed`);
    return record;
  }

  private makeDirectories(id: number, parent: number | undefined, kind: Kind): void {
    mkdirSync(join(this.options.root, String(id)), { mode: 0o700 });
    if (kind === Kind.view && parent !== undefined) return;
    const fs = this.directory(id);
    mkdirSync(fs, { mode: 0o755 });
    chmodSync(fs, 0o755);
    if (parent !== undefined) {
      // The root of the mounted tree shows the attributes of its topmost layer.
      const below = lstatSync(this.directory(parent));
      chownSync(fs, below.uid, below.gid);
      chmodSync(fs, below.mode & 0o7777);
    }
    if (kind === Kind.active) mkdirSync(this.directory(id, 'work'), { mode: 0o711 });
  }

  private mountsOf(record: SnapshotRecord): Mount[] {
    const lower = this.options.table.ancestors(record).map((id) => this.directory(id));
    const [first] = lower;
    if (record.kind === Kind.view) {
      if (first === undefined) return [{ type: 'bind', source: this.directory(record.id), options: ['ro', 'rbind'] }];
      if (lower.length === 1) return [{ type: 'bind', source: first, options: ['ro', 'rbind'] }];
      return [{ type: 'overlay', source: 'overlay', options: [...this.indexOff, `lowerdir=${lower.join(':')}`] }];
    }
    const upper = this.directory(record.id);
    if (first === undefined) return [{ type: 'bind', source: upper, options: ['rw', 'rbind'] }];
    const options = [...this.indexOff, `workdir=${this.directory(record.id, 'work')}`, `upperdir=${upper}`, `lowerdir=${lower.join(':')}`];
    return [{ type: 'overlay', source: 'overlay', options }];
  }
}
