import { invalidArgument, notFound } from '@gantry/rpc';
import type { Database } from '../store/database';
import { labelField, type Matcher } from '@gantry/oci/filter';
import { applyLabelPath, checkLabels, type Labels, parseLabels } from '../store/labels';
import type { Scope } from '../store/namespaced';
import { microsAfter, nowMicros } from '../store/time';

export interface ContentInfo {
  readonly digest: string;
  readonly size: number;
  readonly labels: Labels;
  readonly created: number;
  readonly updated: number;
}

interface Row {
  digest: string;
  size: number;
  labels: string;
  created: number;
  updated: number;
}

const toInfo = (row: Row): ContentInfo => ({ ...row, labels: parseLabels(row.labels) });
const SELECT = 'SELECT c.digest, b.size, c.labels, c.created, c.updated FROM content c JOIN blobs b ON b.digest = c.digest';

/** What the store knows of blobs, by namespace. */
export class ContentTable {
  constructor(private readonly db: Database) {}

  find(scope: Scope, digest: string): ContentInfo | undefined {
    const row = this.db.get<Row>(`${SELECT} WHERE c.ns = ? AND c.digest = ?`, scope.namespace, digest);
    return row && toInfo(row);
  }

  get(scope: Scope, digest: string): ContentInfo {
    const found = this.find(scope, digest);
    if (found === undefined) throw notFound(`content ${digest}: not found`);
    return found;
  }

  list(scope: Scope, filter: Matcher): ContentInfo[] {
    const rows = this.db.all<Row>(`${SELECT} WHERE c.ns = ? ORDER BY c.digest`, scope.namespace);
    return rows.map(toInfo).filter((info) => filter((path) => field(info, path)));
  }

  /** An empty mask replaces all labels. */
  update(scope: Scope, digest: string, labels: Labels, mask: readonly string[]): ContentInfo {
    return this.db.transaction(() => {
      const old = this.get(scope, digest);
      let next = mask.length === 0 ? labels : old.labels;
      for (const path of mask) {
        const changed = applyLabelPath(next, labels, path);
        if (changed === undefined) throw invalidArgument(`cannot update "${path}" field of content ${digest}`);
        next = changed;
      }
      checkLabels(next);
      const updated = microsAfter(old.updated);
      this.db.run(
        'UPDATE content SET labels = ?, updated = ? WHERE ns = ? AND digest = ?',
        JSON.stringify(next),
        updated,
        scope.namespace,
        digest,
      );
      return { ...old, labels: next, updated };
    });
  }

  /** Size of a blob that any namespace holds. */
  sharedSize(digest: string): number | undefined {
    return this.db.get<{ size: number }>('SELECT size FROM blobs WHERE digest = ?', digest)?.size;
  }

  insert(scope: Scope, digest: string, labels: Labels, leased: boolean): ContentInfo {
    checkLabels(labels);
    const now = nowMicros();
    this.db.run(
      'INSERT INTO content (ns, digest, labels, created, updated, leased) VALUES (?, ?, ?, ?, ?, ?)',
      scope.namespace,
      digest,
      JSON.stringify(labels),
      now,
      now,
      leased ? 1 : 0,
    );
    return this.get(scope, digest);
  }
}

function field(info: ContentInfo, path: readonly string[]): string | undefined {
  switch (path[0]) {
    case 'digest':
      return info.digest;
    case 'size':
      return String(info.size);
    case 'labels':
      return labelField(info.labels, path);
    default:
      return undefined;
  }
}
