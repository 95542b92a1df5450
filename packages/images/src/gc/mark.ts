import { EXPIRE_LABEL } from '@gantry/api';
import { KEPT, Kind } from '../snapshots/records';
import type { Database } from '../store/database';
import { parseLabels } from '../store/labels';

/** `c <digest>`, `s <snapshotter> <snapshot name>` or `i <image name>` of one namespace. */
export type Node = string;

const ROOT_LABEL = 'containerd.io/gc.root';
const FLAT_LABEL = 'containerd.io/gc.flat';
const CONTENT_REF = 'containerd.io/gc.ref.content';
const SNAPSHOT_REF = 'containerd.io/gc.ref.snapshot.';
const IMAGE_REF = 'containerd.io/gc.ref.image';

/** Objects made without a lease are given this long to be referenced (microseconds). */
const GRACE = 300_000_000;

/**
 * Everything of a namespace that something holds: image records, leases that have not expired, `gc.root` labels, active snapshots and views that no
 * lease ever held, snapshots that others keep account of, objects younger than the grace, and all that these refer to by containerd's labels and by snapshot parents.
 */
export function reachable(db: Database, namespace: string, now: number, grace = GRACE): Set<Node> {
  const edges = new Map<Node, Node[]>();
  const roots: Node[] = [];
  const flat: Node[] = [];
  const rows = <T>(sql: string): T[] => db.all<T>(sql, namespace);

  for (const row of rows<{ digest: string; labels: string; created: number; leased: number }>(
    'SELECT digest, labels, created, leased FROM content WHERE ns = ?',
  )) {
    const node = `c ${row.digest}`;
    const labels = parseLabels(row.labels);
    edges.set(node, references(labels));
    if (labels[ROOT_LABEL] !== undefined || (row.leased === 0 && now - row.created < grace)) roots.push(node);
  }
  for (const row of rows<{
    snapshotter: string;
    name: string;
    parent: string | null;
    labels: string;
    kind: number;
    created: number;
    leased: number;
  }>(
    'SELECT s.snapshotter, s.name, p.name AS parent, s.labels, s.kind, s.created, s.leased FROM snapshots s LEFT JOIN snapshots p ON p.id = s.parent WHERE s.ns = ?',
  )) {
    const node = `s ${row.snapshotter} ${row.name}`;
    const labels = parseLabels(row.labels);
    edges.set(node, [...references(labels), ...(row.parent === null ? [] : [`s ${row.snapshotter} ${row.parent}`])]);
    const unmanaged = row.leased === 0 && (row.kind !== Kind.committed || now - row.created < grace);
    if (labels[ROOT_LABEL] !== undefined || row.leased === KEPT || unmanaged) roots.push(node);
  }
  for (const row of rows<{ name: string; digest: string; labels: string }>('SELECT name, digest, labels FROM images WHERE ns = ?')) {
    const node = `i ${row.name}`;
    edges.set(node, [`c ${row.digest}`, ...references(parseLabels(row.labels))]);
    roots.push(node);
  }
  const expired = new Set<string>();
  const flats = new Set<string>();
  for (const row of rows<{ id: string; labels: string }>('SELECT id, labels FROM leases WHERE ns = ?')) {
    const labels = parseLabels(row.labels);
    const until = Date.parse(labels[EXPIRE_LABEL] ?? '');
    if (until * 1000 < now) expired.add(row.id);
    if (labels[FLAT_LABEL] !== undefined) flats.add(row.id);
  }
  for (const row of rows<{ lease: string; type: string; id: string }>('SELECT lease, type, id FROM lease_resources WHERE ns = ?')) {
    if (expired.has(row.lease)) continue;
    const node =
      row.type === 'content'
        ? `c ${row.id}`
        : row.type === 'images'
          ? `i ${row.id}`
          : row.type.startsWith('snapshots/')
            ? `s ${row.type.slice('snapshots/'.length)} ${row.id}`
            : undefined;
    if (node !== undefined) (flats.has(row.lease) ? flat : roots).push(node);
  }

  const seen = new Set<Node>();
  for (let next = roots.pop(); next !== undefined; next = roots.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    for (const target of edges.get(next) ?? []) if (!seen.has(target)) roots.push(target);
  }
  for (const node of flat) seen.add(node);
  return seen;
}

function references(labels: Record<string, string>): Node[] {
  const nodes: Node[] = [];
  for (const [key, value] of Object.entries(labels)) {
    if (key.startsWith(CONTENT_REF)) nodes.push(`c ${value}`);
    else if (key.startsWith(SNAPSHOT_REF)) nodes.push(`s ${key.slice(SNAPSHOT_REF.length).split('/')[0] ?? ''} ${value}`);
    else if (key.startsWith(IMAGE_REF)) nodes.push(`i ${value}`);
  }
  return nodes;
}
