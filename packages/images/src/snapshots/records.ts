import type { Database } from '../store/database';
import { labelField, type Matcher } from '@gantry/oci/filter';
import { type Labels, parseLabels } from '../store/labels';
import type { Scope } from '../store/namespaced';

export const Kind = { view: 1, active: 2, committed: 3 } as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

/** In the column `leased`: whoever made the snapshot keeps account of it, garbage collection leaves it and what it lies on alone. */
export const KEPT = 2;

/** containerd's words for the kinds, in filters. */
const kindNames: Record<Kind, string> = { 1: 'view', 2: 'active', 3: 'committed' };

export interface SnapshotRecord {
  readonly id: number;
  readonly name: string;
  readonly parent: number | null;
  readonly parentName: string;
  readonly kind: Kind;
  readonly labels: Labels;
  readonly created: number;
  readonly updated: number;
  readonly size: number;
  readonly inodes: number;
  /** What a proxied snapshotter calls it; of our own those that show another one's tree have its number here, the others nothing. */
  readonly backend: string;
}

/** The number of the directory that a snapshot of our own has its tree in. */
export const treeOf = ({ id, backend }: Pick<SnapshotRecord, 'id' | 'backend'>): number => (backend === '' ? id : Number(backend));

interface Row extends Omit<SnapshotRecord, 'labels' | 'parentName'> {
  labels: string;
  parentName: string | null;
}

const SELECT =
  'SELECT s.id, s.name, s.parent, p.name AS parentName, s.kind, s.labels, s.created, s.updated, s.size, s.inodes, s.backend FROM snapshots s LEFT JOIN snapshots p ON p.id = s.parent';
const toRecord = (row: Row): SnapshotRecord => ({ ...row, labels: parseLabels(row.labels), parentName: row.parentName ?? '' });

/** The records of one snapshotter. */
export class SnapshotTable {
  constructor(
    readonly db: Database,
    readonly snapshotter: string,
  ) {}

  find(scope: Scope, name: string): SnapshotRecord | undefined {
    const row = this.db.get<Row>(`${SELECT} WHERE s.ns = ? AND s.snapshotter = ? AND s.name = ?`, scope.namespace, this.snapshotter, name);
    return row && toRecord(row);
  }

  byId(id: number): SnapshotRecord | undefined {
    const row = this.db.get<Row>(`${SELECT} WHERE s.id = ?`, id);
    return row && toRecord(row);
  }

  list(scope: Scope, filter?: Matcher): SnapshotRecord[] {
    const records = this.db
      .all<Row>(`${SELECT} WHERE s.ns = ? AND s.snapshotter = ? ORDER BY s.id`, scope.namespace, this.snapshotter)
      .map(toRecord);
    return filter === undefined ? records : records.filter((snapshot) => filter((path) => field(snapshot, path)));
  }

  /** Of all namespaces, children before their parents. */
  all(): SnapshotRecord[] {
    const depth =
      'WITH RECURSIVE down (id, depth) AS (SELECT id, 0 FROM snapshots WHERE parent IS NULL UNION ALL SELECT c.id, down.depth + 1 FROM snapshots c JOIN down ON c.parent = down.id)';
    return this.db
      .all<Row>(`${depth} ${SELECT} JOIN down ON down.id = s.id WHERE s.snapshotter = ? ORDER BY down.depth DESC`, this.snapshotter)
      .map(toRecord);
  }

  /** Namespace of a record. */
  namespaceOf(id: number): string {
    return this.db.get<{ ns: string }>('SELECT ns FROM snapshots WHERE id = ?', id)?.ns ?? '';
  }

  /** Active snapshots and views that lie on it, directly or not. */
  usersOf(id: number): SnapshotRecord[] {
    return this.db
      .all<Row>(
        `WITH RECURSIVE down (id) AS (SELECT id FROM snapshots WHERE parent = ? UNION SELECT c.id FROM snapshots c JOIN down ON c.parent = down.id) ${SELECT} JOIN down ON down.id = s.id WHERE s.kind <> 3`,
        id,
      )
      .map(toRecord);
  }

  /** From the snapshot's parent down to the bottom. */
  ancestors(record: SnapshotRecord): Pick<SnapshotRecord, 'id' | 'backend'>[] {
    return this.db.all<{ id: number; backend: string }>(
      'WITH RECURSIVE up (id, backend, parent, depth) AS (SELECT id, backend, parent, 0 FROM snapshots WHERE id = ? UNION ALL SELECT s.id, s.backend, s.parent, up.depth + 1 FROM snapshots s JOIN up ON s.id = up.parent) SELECT id, backend FROM up WHERE depth > 0 ORDER BY depth',
      record.id,
    );
  }

  /** The snapshots of our own that show the tree of this number. */
  showing(tree: number): SnapshotRecord[] {
    return this.db
      .all<Row>(
        `${SELECT} WHERE s.snapshotter = ? AND ((s.id = ? AND s.backend = '') OR s.backend = ?)`,
        this.snapshotter,
        tree,
        String(tree),
      )
      .map(toRecord);
  }

  hasChildren(id: number): boolean {
    return this.db.get('SELECT 1 AS one FROM snapshots WHERE parent = ?', id) !== undefined;
  }
}

function field(snapshot: SnapshotRecord, path: readonly string[]): string | undefined {
  switch (path[0]) {
    case 'kind':
      return kindNames[snapshot.kind];
    case 'name':
      return snapshot.name;
    case 'parent':
      return snapshot.parentName;
    case 'labels':
      return labelField(snapshot.labels, path);
    default:
      return undefined;
  }
}
