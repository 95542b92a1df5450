import { isDeepStrictEqual } from 'node:util';
import { alreadyExists, failedPrecondition, invalidArgument, notFound } from '@gantry/rpc';
import type { Database } from './database';
import { labelField, type Matcher } from '@gantry/oci/filter';
import { applyLabelPath, checkLabels, type Labels, parseLabels } from './labels';
import type { Scope } from './namespaced';
import { microsAfter, nowMicros } from './time';

export interface Target {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly annotations: Labels;
}

/** A name for a manifest or index, as containerd keeps it. */
export interface ImageRecord {
  readonly name: string;
  readonly labels: Labels;
  readonly target: Target;
  readonly created: number;
  readonly updated: number;
}

interface Row {
  name: string;
  labels: string;
  media_type: string;
  digest: string;
  size: number;
  annotations: string;
  created: number;
  updated: number;
}

function toRecord(row: Row): ImageRecord {
  const target = { mediaType: row.media_type, digest: row.digest, size: row.size, annotations: parseLabels(row.annotations) };
  return { name: row.name, labels: parseLabels(row.labels), target, created: row.created, updated: row.updated };
}

const COLUMNS = 'name, labels, media_type, digest, size, annotations, created, updated';

export class ImageTable {
  constructor(private readonly db: Database) {}

  get(scope: Scope, name: string): ImageRecord {
    const found = this.find(scope, name);
    if (found === undefined) throw notFound(`image "${name}": not found`);
    return found;
  }

  find(scope: Scope, name: string): ImageRecord | undefined {
    const row = this.db.get<Row>(`SELECT ${COLUMNS} FROM images WHERE ns = ? AND name = ?`, scope.namespace, name);
    return row && toRecord(row);
  }

  list(scope: Scope, filter?: Matcher): ImageRecord[] {
    const records = this.db.all<Row>(`SELECT ${COLUMNS} FROM images WHERE ns = ? ORDER BY name`, scope.namespace).map(toRecord);
    return filter === undefined ? records : records.filter((image) => filter((path) => field(image, path)));
  }

  /** Whether a name points to it. */
  hasTarget(scope: Scope, digest: string): boolean {
    return this.db.get('SELECT 1 FROM images WHERE ns = ? AND digest = ? LIMIT 1', scope.namespace, digest) !== undefined;
  }

  create(scope: Scope, name: string, target: Target, labels: Labels): ImageRecord {
    check(name, target, labels);
    const now = nowMicros();
    const done = this.db.run(
      `INSERT OR IGNORE INTO images (ns, ${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      scope.namespace,
      name,
      JSON.stringify(labels),
      target.mediaType,
      target.digest,
      target.size,
      JSON.stringify(target.annotations),
      now,
      now,
    );
    if (done === 0) throw alreadyExists(`image "${name}": already exists`);
    return { name, labels, target, created: now, updated: now };
  }

  /** An empty mask replaces everything; paths: labels, labels.<key>, target, annotations. Where only the time is new, nobody waits for the disk. */
  update(scope: Scope, image: Pick<ImageRecord, 'name' | 'labels' | 'target'>, mask: readonly string[]): ImageRecord {
    const old = this.get(scope, image.name);
    const { labels, target } = changed(old, image, mask);
    check(image.name, target, labels);
    const updated = microsAfter(old.updated);
    const write = (): unknown =>
      this.db.run(
        'UPDATE images SET labels = ?, media_type = ?, digest = ?, size = ?, annotations = ?, updated = ? WHERE ns = ? AND name = ?',
        JSON.stringify(labels),
        target.mediaType,
        target.digest,
        target.size,
        JSON.stringify(target.annotations),
        updated,
        scope.namespace,
        image.name,
      );
    this.db.transaction(write, { durable: !isDeepStrictEqual({ labels, target }, { labels: old.labels, target: old.target }) });
    return { name: image.name, labels, target, created: old.created, updated };
  }

  /** Creates the name or moves it to another target. */
  put(scope: Scope, name: string, target: Target, labels: Labels): ImageRecord {
    return this.db.transaction(() =>
      this.find(scope, name) === undefined ? this.create(scope, name, target, labels) : this.update(scope, { name, target, labels }, []),
    );
  }

  delete(scope: Scope, name: string, expected?: string): void {
    this.db.transaction(() => {
      const image = this.get(scope, name);
      if (expected !== undefined && image.target.digest !== expected)
        throw failedPrecondition(`image "${name}" has target ${image.target.digest}, not ${expected}`);
      this.db.run('DELETE FROM images WHERE ns = ? AND name = ?', scope.namespace, name);
    });
  }
}

function changed(
  old: ImageRecord,
  image: Pick<ImageRecord, 'name' | 'labels' | 'target'>,
  mask: readonly string[],
): Pick<ImageRecord, 'labels' | 'target'> {
  let { labels, target } = mask.length === 0 ? image : old;
  for (const path of mask) {
    const next = applyLabelPath(labels, image.labels, path);
    if (next !== undefined) labels = next;
    else if (path === 'target') target = image.target;
    else if (path === 'annotations') target = { ...target, annotations: image.target.annotations };
    else if (path.startsWith('annotations.'))
      target = {
        ...target,
        annotations: applyLabelPath(target.annotations, image.target.annotations, `labels${path.slice('annotations'.length)}`) ?? {},
      };
    else throw invalidArgument(`cannot update "${path}" field of image "${image.name}"`);
  }
  return { labels, target };
}

function check(name: string, target: Target, labels: Labels): void {
  if (name === '') throw invalidArgument('image name is empty');
  if (!/^[a-z0-9+._-]+:[a-f0-9]{32,}$/.test(target.digest))
    throw invalidArgument(`image "${name}": target digest "${target.digest}" is not valid`);
  if (target.mediaType === '') throw invalidArgument(`image "${name}": target media type is empty`);
  if (target.size <= 0) throw invalidArgument(`image "${name}": target size ${target.size} is not positive`);
  checkLabels(labels);
}

function field(image: ImageRecord, path: readonly string[]): string | undefined {
  switch (path[0]) {
    case 'name':
      return image.name;
    case 'target':
      return path[1] === 'digest' ? image.target.digest : path[1] === 'mediatype' ? image.target.mediaType : undefined;
    case 'labels':
      return labelField(image.labels, path);
    case 'annotations':
      return labelField(image.target.annotations, path);
    default:
      return undefined;
  }
}
