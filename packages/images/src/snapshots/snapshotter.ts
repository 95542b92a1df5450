import type { Labels } from '../store/labels';
import type { Matcher } from '@gantry/oci/filter';
import type { Scope } from '../store/namespaced';
import type { SnapshotRecord } from './records';

export interface Mount {
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

export interface Usage {
  /** Bytes that the snapshot's own layer takes on disk. */
  readonly size: number;
  readonly inodes: number;
}

export interface CommitOptions {
  readonly labels: Labels;
  /** Sets the parent of a snapshot prepared without one ("" leaves it), so that layers may be laid out in any order. Only where the driver can. */
  readonly parent?: string;
  /** Known already; otherwise it is measured. */
  readonly usage?: Usage;
}

/**
 * Layered trees, with containerd's contract. A snapshot is active (writable, by key), a view (read-only, by key) or committed (read-only, by
 * name, may be a parent). prepare → write into the mounts → commit(name, key); the key is gone then. Mounts are not mounted here: the
 * caller does that, and unmounts before commit or remove. Errors: notFound, alreadyExists, failedPrecondition (a parent that is not
 * committed, a snapshot with children). Every implementation runs the suite in testing/suite.ts.
 */
export interface Snapshotter {
  /** The name under which calls, leases and labels know it. */
  readonly name: string;
  /** Whether a snapshot's own layer can be held to a size (SIZE_LABEL). */
  readonly holdsSizes: boolean;
  prepare(scope: Scope, key: string, parent: string, labels: Labels): Promise<readonly Mount[]>;
  view(scope: Scope, key: string, parent: string, labels: Labels): Promise<readonly Mount[]>;
  mounts(scope: Scope, key: string): Promise<readonly Mount[]>;
  commit(scope: Scope, name: string, key: string, options: CommitOptions): Promise<void>;
  remove(scope: Scope, key: string): Promise<void>;
  stat(scope: Scope, key: string): SnapshotRecord;
  update(scope: Scope, key: string, labels: Labels, mask: readonly string[]): SnapshotRecord;
  list(scope: Scope, filter: Matcher): SnapshotRecord[];
  usage(scope: Scope, key: string): Promise<Usage>;
  /** Resolves when everything removed so far is off the disk. */
  cleanup(): Promise<void>;
}
