import { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, rmSync } from 'node:fs';
import { SIZE_LABEL } from '@gantry/api';
import { alreadyExists, invalidArgument } from '@gantry/rpc';
import type { Projects } from '../projects/projects';
import type { Labels } from '../store/labels';
import type { Scope } from '../store/namespaced';
import type { LocalTrees } from './local-trees';
import { type RecordedOptions, RecordedSnapshotter } from './recorded';
import { Kind, type SnapshotRecord, treeOf } from './records';
import type { Mount, Usage } from './snapshotter';
import { shownAs } from './same-tree';
import type { Trees } from './trees';
import { diskUsage } from './usage';

/** Name under which leases and labels know this snapshotter. */
export const SNAPSHOTTER = 'overlayfs';

export interface OverlayOptions extends RecordedOptions {
  /** Each snapshot is `<root>/<number>/{fs,work}`. */
  readonly trees: LocalTrees;
  /** Measures trees that are too large to be looked at here. */
  readonly large: Pick<Trees, 'usage'>;
  readonly projects: Pick<Projects, 'supported' | 'give' | 'enforce' | 'release'>;
  /** Bytes that the layer of a snapshot may hold whose label leaves it to this; 0: no bound. */
  readonly size: number;
}

/**
 * overlayfs: one directory a snapshot, stacked by the kernel, never copied. Directory names are short numbers, so that 128 of them fit one
 * mount's options when they are given relative to the root. Snapshots may be committed onto a parent they were prepared without.
 */
export class OverlaySnapshotter extends RecordedSnapshotter {
  override readonly holdsSizes = true;
  /** A host may have turned index on by default, which makes a lower layer shared by two uppers fail. */
  private readonly indexOff = existsSync('/sys/module/overlay/parameters/index') ? ['index=off'] : [];

  constructor(private readonly options: OverlayOptions) {
    super(options);
  }

  directory(record: Pick<SnapshotRecord, 'id' | 'backend'>): string {
    return this.options.trees.path(treeOf(record), 'fs');
  }

  async prepare(scope: Scope, key: string, parent: string, labels: Labels): Promise<readonly Mount[]> {
    this.shareIfAsked(scope, parent, labels);
    const record = this.create(scope, key, parent, Kind.active, labels);
    if (this.sizeOf(labels) > 0) await this.enforce(scope, record);
    this.options.listener?.prepared(scope, key, parent);
    return this.mountsOf(record);
  }

  async view(scope: Scope, key: string, parent: string, labels: Labels): Promise<readonly Mount[]> {
    const record = this.create(scope, key, parent, Kind.view, labels);
    this.options.listener?.prepared(scope, key, parent);
    return this.mountsOf(record);
  }

  lowerDirectories(record: SnapshotRecord): string[] {
    return [record, ...this.options.table.ancestors(record)].map((each) => this.directory(each));
  }

  create(scope: Scope, key: string, parent: string, kind: Kind, labels: Labels): SnapshotRecord {
    let made: string | undefined;
    const size = this.sizeOf(labels);
    try {
      return this.insert(scope, { key, parent, kind, labels }, (id, base) => {
        made = this.options.trees.path(id);
        this.makeDirectories(id, base, kind);
        if (kind === Kind.active && size > 0)
          this.options.projects.give([this.options.trees.path(id, 'fs'), this.options.trees.path(id, 'work')], size);
      });
    } catch (error) {
      if (made !== undefined) rmSync(made, { recursive: true, force: true });
      throw error;
    }
  }

  /** A tree goes with the last snapshot that shows it. */
  discard(record: Pick<SnapshotRecord, 'id' | 'backend'>): void {
    const tree = treeOf(record);
    if (this.options.table.showing(tree).length > 0) return;
    this.options.projects.release(this.options.trees.path(tree, 'fs'));
    this.options.trees.discard(tree);
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
      records.filter((record) => !existsSync(this.options.trees.path(treeOf(record), ...(hasTree(record) ? ['fs' as const] : [])))),
    );
  }

  strays(): Promise<string[]> {
    return Promise.resolve(this.options.trees.strays(this.options.table));
  }

  removeStray(name: string): Promise<void> {
    return this.options.trees.removeStray(name);
  }

  protected async measure(record: SnapshotRecord): Promise<Usage> {
    const upper = this.directory(record);
    return existsSync(upper) ? diskUsage(upper, this.options.large) : { size: 0, inodes: 0 };
  }

  /** Bytes that the labels let its own layer hold, where this file system can hold it to them; 0: no bound. */
  private sizeOf({ [SIZE_LABEL]: label }: Labels): number {
    if (label === undefined || (label === '' && this.options.size === 0)) return 0;
    if (!/^[0-9]*$/.test(label)) throw invalidArgument(`label ${SIZE_LABEL} "${label}" is not a number of bytes`);
    if (!this.options.projects.supported(this.options.trees.root))
      throw invalidArgument("--storage-opt is supported only for overlay over xfs with 'pquota' mount option");
    return label === '' ? this.options.size : Number(label);
  }

  private async enforce(scope: Scope, record: SnapshotRecord): Promise<void> {
    try {
      this.options.projects.enforce(this.options.trees.path(record.id, 'fs'));
    } catch (error) {
      await this.remove(scope, record.name);
      throw error;
    }
  }

  /** What the labels ask for, where this can give it: the answer is then that the snapshot is there. */
  private shareIfAsked(scope: Scope, parent: string, labels: Labels): void {
    const asked = shownAs(labels);
    const source = asked === undefined ? undefined : this.find(scope, asked.source);
    if (asked === undefined || source?.kind !== Kind.committed) return;
    const below = parent === '' ? undefined : this.find(scope, parent);
    // overlayfs takes no directory twice in one stack: the same layer on itself, an empty one for instance, is laid out again.
    if (below !== undefined && this.lowerDirectories(below).includes(this.directory(source))) return;
    this.share(scope, asked, parent, source);
    throw alreadyExists(`target snapshot ${asked.target}: already exists`);
  }

  private share(
    scope: Scope,
    { target, labels }: { readonly target: string; readonly labels: Labels },
    parent: string,
    source: SnapshotRecord,
  ): void {
    const { db } = this.options.table;
    const backend = String(treeOf(source));
    db.transaction(() => {
      if (this.find(scope, target) !== undefined) return;
      const { id } = this.insert(scope, { key: target, parent, kind: Kind.committed, labels, backend }, () => undefined);
      db.run('UPDATE snapshots SET size = ?, inodes = ? WHERE id = ?', source.size, source.inodes, id);
    });
    this.options.listener?.committed(scope, target, target);
  }

  private makeDirectories(id: number, parent: SnapshotRecord | undefined, kind: Kind): void {
    mkdirSync(this.options.trees.path(id), { mode: 0o700 });
    if (kind === Kind.view && parent !== undefined) return;
    const fs = this.options.trees.path(id, 'fs');
    mkdirSync(fs, { mode: 0o755 });
    chmodSync(fs, 0o755);
    if (parent !== undefined) {
      // The root of the mounted tree shows the attributes of its topmost layer.
      const below = lstatSync(this.directory(parent));
      chownSync(fs, below.uid, below.gid);
      chmodSync(fs, below.mode & 0o7777);
    }
    if (kind === Kind.active) mkdirSync(this.options.trees.path(id, 'work'), { mode: 0o711 });
  }

  protected mountsOf(record: SnapshotRecord): Promise<readonly Mount[]> {
    const lower = this.options.table.ancestors(record).map((each) => this.directory(each));
    const upper = this.directory(record);
    if (record.kind === Kind.view) return Promise.resolve(this.readOnly(lower.length === 0 ? [upper] : lower));
    if (lower.length === 0) return Promise.resolve([{ type: 'bind', source: upper, options: ['rw', 'rbind'] }]);
    const options = [
      ...this.indexOff,
      `workdir=${this.options.trees.path(record.id, 'work')}`,
      `upperdir=${upper}`,
      `lowerdir=${lower.join(':')}`,
    ];
    return Promise.resolve([{ type: 'overlay', source: 'overlay', options }]);
  }

  private readOnly(directories: readonly string[]): Mount[] {
    const [only = ''] = directories;
    if (directories.length === 1) return [{ type: 'bind', source: only, options: ['ro', 'rbind'] }];
    return [{ type: 'overlay', source: 'overlay', options: [...this.indexOff, `lowerdir=${directories.join(':')}`] }];
  }
}
