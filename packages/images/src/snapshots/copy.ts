import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { notImplemented } from '@gantry/rpc';
import type { Labels } from '../store/labels';
import type { Scope } from '../store/namespaced';
import type { LocalTrees } from './local-trees';
import { type RecordedOptions, RecordedSnapshotter } from './recorded';
import { Kind, type SnapshotRecord } from './records';
import type { CommitOptions, Mount, Usage } from './snapshotter';
import type { Trees } from './trees';
import { diskUsage } from './usage';

export const COPY = 'copy';
/** containerd's name for the same: its clients ask for it. */
export const NATIVE = 'native';

export interface CopyOptions extends RecordedOptions {
  /** Each snapshot is `<root>/<number>/fs`, whole. */
  readonly trees: LocalTrees;
  readonly copier: Pick<Trees, 'copy' | 'usage'>;
}

/**
 * Every snapshot is a whole tree, copied from its parent: slow and large, and right on any file system that has the attributes. The reference of the
 * other snapshotters. A view is its parent's own tree, read-only.
 */
export class CopySnapshotter extends RecordedSnapshotter {
  constructor(private readonly options: CopyOptions) {
    super(options);
  }

  prepare(scope: Scope, key: string, parent: string, labels: Labels): Promise<readonly Mount[]> {
    return this.make(scope, { key, parent, labels, kind: Kind.active });
  }

  view(scope: Scope, key: string, parent: string, labels: Labels): Promise<readonly Mount[]> {
    return this.make(scope, { key, parent, labels, kind: Kind.view });
  }

  lowerDirectories(record: SnapshotRecord): string[] {
    return [this.directory(record)];
  }

  discard({ id }: Pick<SnapshotRecord, 'id'>): void {
    this.options.trees.discard(id);
  }

  cleanup(): Promise<void> {
    return this.options.trees.settled();
  }

  withParent<T>(record: SnapshotRecord, fn: (mounts: readonly Mount[]) => Promise<T>): Promise<T> {
    return fn([{ type: 'bind', source: this.directory(record), options: ['ro', 'rbind'] }]);
  }

  missing(records: readonly SnapshotRecord[]): Promise<SnapshotRecord[]> {
    return Promise.resolve(records.filter((record) => !existsSync(this.directory(record))));
  }

  strays(): Promise<string[]> {
    return Promise.resolve(this.options.trees.strays(this.options.table));
  }

  removeStray(name: string): Promise<void> {
    return this.options.trees.removeStray(name);
  }

  /** The tree is copied outside of any transaction and gets its number at the end: a crash leaves a directory that has no record. */
  private async make(
    scope: Scope,
    { key, parent, labels, kind }: { readonly key: string; readonly parent: string; readonly labels: Labels; readonly kind: Kind },
  ): Promise<readonly Mount[]> {
    this.refuseKnown(scope, key);
    const base = parent === '' ? undefined : this.committed(scope, parent);
    let staged: string | undefined;
    if (kind === Kind.active || base === undefined) {
      staged = `new-${randomBytes(8).toString('hex')}`;
      const tree = join(this.options.trees.root, staged, 'fs');
      mkdirSync(tree, { recursive: true, mode: 0o755 });
      chmodSync(tree, 0o755);
    }
    try {
      if (staged !== undefined && base !== undefined)
        await this.options.copier.copy(this.directory(base), join(this.options.trees.root, staged, 'fs'));
      const record = this.insert(scope, { key, parent, kind, labels }, (id) => {
        if (staged !== undefined) renameSync(join(this.options.trees.root, staged), this.options.trees.path(id));
      });
      this.options.listener?.prepared(scope, key, parent);
      return await this.mountsOf(record);
    } catch (error) {
      if (staged !== undefined) await this.options.trees.removeStray(staged);
      throw error;
    }
  }

  protected override beforeCommit(record: SnapshotRecord, { parent = '' }: CommitOptions): Promise<string> {
    if (parent !== '' && record.parent === null)
      throw notImplemented(`snapshot ${record.name} was prepared without a parent: the copy snapshotter cannot put it on ${parent}`);
    return Promise.resolve('');
  }

  protected measure(record: SnapshotRecord): Promise<Usage> {
    return record.kind === Kind.view && record.parent !== null
      ? Promise.resolve({ size: 0, inodes: 0 })
      : diskUsage(this.directory(record), this.options.copier);
  }

  protected mountsOf(record: SnapshotRecord): Promise<readonly Mount[]> {
    return Promise.resolve([{ type: 'bind', source: this.directory(record), options: [record.kind === Kind.view ? 'ro' : 'rw', 'rbind'] }]);
  }

  private directory(record: Pick<SnapshotRecord, 'id' | 'kind' | 'parent'>): string {
    return this.options.trees.path(record.kind === Kind.view && record.parent !== null ? record.parent : record.id, 'fs');
  }
}
