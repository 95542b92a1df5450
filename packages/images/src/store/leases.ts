import { isFlushedLater } from '@gantry/api';
import { alreadyExists, failedPrecondition, invalidArgument, notFound } from '@gantry/rpc';
import type { Database } from './database';
import { labelField, type Matcher } from '@gantry/oci/filter';
import { checkLabels, type Labels, parseLabels } from './labels';
import type { Scope } from './namespaced';
import { nowMicros } from './time';

export interface LeaseRecord {
  readonly id: string;
  readonly labels: Labels;
  readonly created: number;
}

export interface LeaseResource {
  /** `content`, `ingests`, `images`, or `snapshots/<snapshotter>`. */
  readonly type: string;
  readonly id: string;
}

interface Row {
  id: string;
  labels: string;
  created: number;
}

const toRecord = (row: Row): LeaseRecord => ({ id: row.id, labels: parseLabels(row.labels), created: row.created });

/** Marks the lease of a container: the supervisor makes it before the snapshot and gives it back after it, and looks for forgotten ones at its start. */
const CONTAINER_LABEL = 'gantry.io/container';

/** Leases: named holds on content, ingests and snapshots that keep garbage collection away from them. */
export class LeaseTable {
  constructor(private readonly db: Database) {}

  create(scope: Scope, id: string, labels: Labels): LeaseRecord {
    if (id === '') throw invalidArgument('lease id is empty');
    checkLabels(labels);
    const created = nowMicros();
    this.db.transaction(
      () => {
        if (
          this.db.run(
            'INSERT OR IGNORE INTO leases (ns, id, labels, created) VALUES (?, ?, ?, ?)',
            scope.namespace,
            id,
            JSON.stringify(labels),
            created,
          ) === 0
        ) {
          throw alreadyExists(`lease ${id}: already exists`);
        }
      },
      { durable: !isLate(labels) },
    );
    return { id, labels, created };
  }

  delete(scope: Scope, id: string): void {
    this.db.transaction(
      () => {
        if (this.db.run('DELETE FROM leases WHERE ns = ? AND id = ?', scope.namespace, id) === 0) throw notFound(`lease ${id}: not found`);
      },
      { durable: !isLate(this.labelsOf(scope, id)) },
    );
  }

  /** Whether what happens under the call's lease has to be on the disk before the caller is told. */
  durable(scope: Scope): boolean {
    return scope.lease === undefined || !isFlushedLater(this.labelsOf(scope, scope.lease));
  }

  private labelsOf(scope: Scope, id: string): Labels {
    const row = this.db.get<{ labels: string }>('SELECT labels FROM leases WHERE ns = ? AND id = ?', scope.namespace, id);
    return row === undefined ? {} : parseLabels(row.labels);
  }

  has(scope: Scope, id: string): boolean {
    return this.db.get('SELECT 1 AS one FROM leases WHERE ns = ? AND id = ?', scope.namespace, id) !== undefined;
  }

  list(scope: Scope, filter: Matcher): LeaseRecord[] {
    const rows = this.db.all<Row>('SELECT id, labels, created FROM leases WHERE ns = ? ORDER BY id', scope.namespace);
    return rows
      .map(toRecord)
      .filter((lease) =>
        filter((path) => (path[0] === 'id' ? lease.id : path[0] === 'labels' ? labelField(lease.labels, path) : undefined)),
      );
  }

  add(scope: Scope, id: string, resource: LeaseResource): void {
    checkResource(resource);
    this.db.transaction(
      () => {
        if (!this.has(scope, id)) throw notFound(`lease ${id}: not found`);
        this.db.run(
          'INSERT OR IGNORE INTO lease_resources (ns, lease, type, id) VALUES (?, ?, ?, ?)',
          scope.namespace,
          id,
          resource.type,
          resource.id,
        );
      },
      { durable: !isLate(this.labelsOf(scope, id)) },
    );
  }

  remove(scope: Scope, id: string, resource: LeaseResource): void {
    checkResource(resource);
    if (!this.has(scope, id)) throw notFound(`lease ${id}: not found`);
    this.db.transaction(
      () =>
        this.db.run(
          'DELETE FROM lease_resources WHERE ns = ? AND lease = ? AND type = ? AND id = ?',
          scope.namespace,
          id,
          resource.type,
          resource.id,
        ),
      { durable: !isFlushedLater(this.labelsOf(scope, id)) },
    );
  }

  resources(scope: Scope, id: string): LeaseResource[] {
    if (!this.has(scope, id)) throw notFound(`lease ${id}: not found`);
    return this.db.all<LeaseResource>(
      'SELECT type, id FROM lease_resources WHERE ns = ? AND lease = ? ORDER BY type, id',
      scope.namespace,
      id,
    );
  }

  /** Puts a new object under the call's lease. True when there was one; an unknown lease fails the call, as containerd does. */
  hold(scope: Scope, resource: LeaseResource): boolean {
    if (scope.lease === undefined) return false;
    if (!this.has(scope, scope.lease)) throw notFound(`lease ${scope.lease}: not found`);
    const { lease } = scope;
    this.db.transaction(
      () =>
        this.db.run(
          'INSERT OR IGNORE INTO lease_resources (ns, lease, type, id) VALUES (?, ?, ?, ?)',
          scope.namespace,
          lease,
          resource.type,
          resource.id,
        ),
      { durable: this.durable(scope) },
    );
    return true;
  }

  /** Forgets holds on an object that was removed by name. */
  drop(scope: Scope, resource: LeaseResource): void {
    this.db.run('DELETE FROM lease_resources WHERE ns = ? AND type = ? AND id = ?', scope.namespace, resource.type, resource.id);
  }
}

/** A container's lease goes to the disk with its snapshot, which is prepared last: one durable transaction for all of them. */
const isLate = (labels: Labels): boolean => isFlushedLater(labels) || labels[CONTAINER_LABEL] !== undefined;

function checkResource(resource: LeaseResource): void {
  if (resource.id === '') throw invalidArgument('lease resource id is empty');
  if (!/^(content|ingests|images|snapshots\/[\w-]+)$/.test(resource.type))
    throw failedPrecondition(`lease resource type ${resource.type} is not known`);
}
