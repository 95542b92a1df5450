import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Removals } from './removals';
import { type SnapshotTable, treeOf } from './records';

export interface LocalTreesOptions {
  /** Directory of the snapshots; each is `<root>/<number>`. */
  readonly root: string;
  readonly removals: Removals;
  /** Removes a tree, whatever its size, names and modes. */
  readonly removeTree: (path: string) => Promise<void>;
}

/** The numbered directories of a snapshotter that keeps its trees on this file system. */
export class LocalTrees {
  readonly root: string;

  constructor(private readonly options: LocalTreesOptions) {
    this.root = options.root;
    mkdirSync(options.root, { recursive: true, mode: 0o700 });
  }

  /** Of a snapshot: all of it, its tree, or the directory that overlayfs works in. */
  path(id: number, part?: 'fs' | 'work'): string {
    return part === undefined ? join(this.root, String(id)) : join(this.root, String(id), part);
  }

  discard(id: number): void {
    this.options.removals.add(this.path(id));
  }

  settled(): Promise<void> {
    return this.options.removals.settled();
  }

  /** Names below the root that belong to no record. */
  strays(table: SnapshotTable): string[] {
    const known = new Set(table.all().map((record) => String(treeOf(record))));
    return existsSync(this.root) ? readdirSync(this.root).filter((name) => !known.has(name)) : [];
  }

  removeStray(name: string): Promise<void> {
    return this.options.removeTree(join(this.root, name));
  }
}
