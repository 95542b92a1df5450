import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { AT, RENAME, syscalls } from '@gantry/linux';
import { conflict, failedPrecondition } from '@gantry/rpc';
import type { RecordedSnapshotter } from '../snapshots/recorded';
import { Kind, type SnapshotRecord, treeOf } from '../snapshots/records';
import { isMounted, mountTables } from './mounted';

/** Puts a tree that was laid out anew in the place of a wrong one, in one step, where the trees are ours. */
export class Exchange {
  constructor(
    /** Snapshotters with trees of ours: directory of the snapshots. */
    private readonly roots: Readonly<Record<string, string>>,
    /** Whether every snapshot has only its own layer. */
    private readonly layered: (name: string) => boolean,
  ) {}

  /** The two directories to compare, where a snapshot is a layer of its own; undefined where whole trees are compared. */
  layersOf(
    snapshotter: RecordedSnapshotter,
    old: SnapshotRecord,
    fresh: SnapshotRecord,
  ): { readonly old: string; readonly fresh: string } | undefined {
    const root = this.roots[snapshotter.name];
    return root === undefined || !this.layered(snapshotter.name)
      ? undefined
      : { old: join(root, String(treeOf(old)), 'fs'), fresh: join(root, String(treeOf(fresh)), 'fs') };
  }

  /** Refuses while anything shows the wrong tree: a mount would keep it, and lose it when it is removed. */
  async put(snapshotter: RecordedSnapshotter, old: SnapshotRecord, fresh: SnapshotRecord): Promise<void> {
    const root = this.roots[snapshotter.name];
    if (root === undefined)
      throw failedPrecondition(`its tree belongs to the foreign snapshotter ${snapshotter.name}: remove the image and pull it again`);
    const tables = mountTables();
    const place = join(root, String(treeOf(old)));
    const users = snapshotter.table
      .showing(treeOf(old))
      .flatMap(({ id }) => snapshotter.table.usersOf(id))
      .filter(({ id, kind }) => id !== fresh.id && (kind === Kind.view || isMounted(tables, join(root, String(id), 'fs'))));
    if (users.length > 0 || isMounted(tables, join(place, 'fs'))) {
      throw conflict(`it is in use by ${users.map(({ name }) => name).join(', ') || 'a mount'}: stop that first`);
    }
    mkdirSync(place, { recursive: true, mode: 0o700 });
    const [from, to] = [join(root, String(treeOf(fresh)), 'fs'), join(place, 'fs')];
    const present = (await snapshotter.missing([old])).length === 0;
    syscalls.renameat2(AT.FDCWD, from, AT.FDCWD, to, present ? RENAME.EXCHANGE : RENAME.NOREPLACE);
  }
}
