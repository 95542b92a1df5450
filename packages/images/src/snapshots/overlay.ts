import { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, rmSync } from 'node:fs';
import type { Labels } from '../store/labels';
import type { Scope } from '../store/namespaced';
import type { LocalTrees } from './local-trees';
import { type RecordedOptions, RecordedSnapshotter } from './recorded';
import { Kind, type SnapshotRecord } from './records';
import type { Mount, Usage } from './snapshotter';
import { diskUsage } from './usage';

/** Name under which leases and labels know this snapshotter. */
export const SNAPSHOTTER = 'overlayfs';

export interface OverlayOptions extends RecordedOptions {
  /** Each snapshot is `<root>/<number>/{fs,work}`. */
  readonly trees: LocalTrees;
}

/**
 * overlayfs: one directory a snapshot, stacked by the kernel, never copied. Directory names are short numbers, so that 128 of them fit one
 * mount's options when they are given relative to the root. Snapshots may be committed onto a parent they were prepared without.
 */
export class OverlaySnapshotter extends RecordedSnapshotter {
  /** A host may have turned index on by default, which makes a lower layer shared by two uppers fail. */
  private readonly indexOff = existsSync('/sys/module/overlay/parameters/index') ? ['index=off'] : [];

  constructor(private readonly options: OverlayOptions) {
    super(options);
  }

  directory(id: number, part: 'fs' | 'work' = 'fs'): string {
    return this.options.trees.path(id, part);
  }

  async prepare(scope: Scope, key: string, parent: string, labels: Labels): Promise<readonly Mount[]> {
    const record = this.create(scope, key, parent, Kind.active, labels);
    this.options.listener?.prepared(scope, key, parent);
    return this.mountsOf(record);
  }

  async view(scope: Scope, key: string, parent: string, labels: Labels): Promise<readonly Mount[]> {
    const record = this.create(scope, key, parent, Kind.view, labels);
    this.options.listener?.prepared(scope, key, parent);
    return this.mountsOf(record);
  }

  lowerDirectories(record: SnapshotRecord): string[] {
    return [record.id, ...this.options.table.ancestors(record)].map((id) => this.directory(id));
  }

  create(scope: Scope, key: string, parent: string, kind: Kind, labels: Labels): SnapshotRecord {
    let made: string | undefined;
    try {
      return this.insert(scope, { key, parent, kind, labels }, (id, base) => {
        made = this.options.trees.path(id);
        this.makeDirectories(id, base, kind);
      });
    } catch (error) {
      if (made !== undefined) rmSync(made, { recursive: true, force: true });
      throw error;
    }
  }

  discard({ id }: Pick<SnapshotRecord, 'id'>): void {
    this.options.trees.discard(id);
  }

  cleanup(): Promise<void> {
    return this.options.trees.settled();
  }

  withParent<T>(record: SnapshotRecord, fn: (mounts: readonly Mount[]) => Promise<T>): Promise<T> {
    return fn(this.readOnly(this.lowerDirectories(record)));
  }

  missing(records: readonly SnapshotRecord[]): Promise<SnapshotRecord[]> {
    const hasTree = ({ kind, parent }: SnapshotRecord): boolean => kind !== Kind.view || parent === null;
    return Promise.resolve(
      records.filter((record) => !existsSync(this.options.trees.path(record.id, ...(hasTree(record) ? ['fs' as const] : [])))),
    );
  }

  strays(): Promise<string[]> {
    return Promise.resolve(this.options.trees.strays(this.options.table));
  }

  removeStray(name: string): Promise<void> {
    return this.options.trees.removeStray(name);
  }

  protected async measure(record: SnapshotRecord): Promise<Usage> {
    const upper = this.directory(record.id);
    return existsSync(upper) ? diskUsage(upper) : { size: 0, inodes: 0 };
  }

  private makeDirectories(id: number, parent: number | undefined, kind: Kind): void {
    mkdirSync(this.options.trees.path(id), { mode: 0o700 });
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

  protected mountsOf(record: SnapshotRecord): Promise<readonly Mount[]> {
    const lower = this.options.table.ancestors(record).map((id) => this.directory(id));
    const upper = this.directory(record.id);
    if (record.kind === Kind.view) return Promise.resolve(this.readOnly(lower.length === 0 ? [upper] : lower));
    if (lower.length === 0) return Promise.resolve([{ type: 'bind', source: upper, options: ['rw', 'rbind'] }]);
    const options = [...this.indexOff, `workdir=${this.directory(record.id, 'work')}`, `upperdir=${upper}`, `lowerdir=${lower.join(':')}`];
    return Promise.resolve([{ type: 'overlay', source: 'overlay', options }]);
  }

  private readOnly(directories: readonly string[]): Mount[] {
    const [only = ''] = directories;
    if (directories.length === 1) return [{ type: 'bind', source: only, options: ['ro', 'rbind'] }];
    return [{ type: 'overlay', source: 'overlay', options: [...this.indexOff, `lowerdir=${directories.join(':')}`] }];
  }
}
