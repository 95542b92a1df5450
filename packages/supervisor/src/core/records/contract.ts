import type { Container } from '@gantry/api/containerd/services/containers/v1/containers';
import type { Container as DockerContainer } from '@gantry/api/gantry/engine/v1/record';

export type { Container as ContainerdContainer } from '@gantry/api/containerd/services/containers/v1/containers';
export type { Container as DockerContainer, MountRecord, RunState } from '@gantry/api/gantry/engine/v1/record';
export { Phase } from '@gantry/api/gantry/engine/v1/record';

/** Key, and type URL, of docker's view among a containerd record's extensions. */
export const DOCKER_EXTENSION = 'gantry.engine.v1.Container';

/**
 * One container of the docker face: its id and docker's view of it. A snapshot: never changed in place; a change makes a new one
 * (`Records.updateDocker`).
 */
export interface DockerRecord {
  readonly id: string;
  readonly docker: DockerContainer;
}

/** What happened to a record; told after the transaction is durable, in order, from inside the same turn of the event loop. */
export type RecordChange =
  | { readonly kind: 'created'; readonly namespace: string; readonly container: Container }
  | { readonly kind: 'updated'; readonly namespace: string; readonly container: Container }
  | { readonly kind: 'deleted'; readonly namespace: string; readonly container: Container };

export interface TransactionOptions {
  /**
   * True (default): on disk before the call returns. False: survives the death of the process, and may be lost, with everything
   * written after it, when the machine loses power before the next durable transaction.
   */
  readonly durable?: boolean;
}

/**
 * Containerd's container records of all namespaces and, as one extension of them, docker's view: the one store behind both
 * faces of the supervisor. All calls are synchronous (SQLite, WAL); errors are GantryErrors (notFound, alreadyExists).
 *
 * ```ts
 * const records = openRecords('/var/lib/gantry/supervisor/state.db', 'gantry');
 * records.create('default', container);           // containerd's face
 * records.findDocker('web')?.docker.imageId;      // docker's face, by id, name or id prefix
 * ```
 */
export interface Records {
  /** The namespace whose containers docker sees. */
  readonly dockerNamespace: string;

  // containerd's face
  get(namespace: string, id: string): Container | undefined;
  /** In order of creation. */
  list(namespace: string): Container[];
  /** Adds a record as it is, with createdAt and updatedAt set. */
  create(namespace: string, container: Container, options?: TransactionOptions): Container;
  /**
   * Replaces a record by what `change` makes of it (updatedAt is set). Docker's extension is kept whatever `change` does to it:
   * only `updateDocker` writes it.
   */
  update(namespace: string, id: string, change: (current: Container) => Container): Container;
  /** Removes a record with its docker view and its name. Throws notFound. */
  delete(namespace: string, id: string, options?: TransactionOptions): Container;
  /** Listens to every change of records of every namespace. Returns how to stop. */
  onChange(listener: (change: RecordChange) => void): () => void;

  // docker's face (records of dockerNamespace that carry the extension)
  getDocker(id: string): DockerRecord | undefined;
  /** By full id, then name (with or without a leading slash), then unambiguous id prefix. Throws invalidArgument for an ambiguous prefix. */
  findDocker(ref: string): DockerRecord | undefined;
  /** As findDocker; throws notFound `No such container: <ref>`. */
  requireDocker(ref: string): DockerRecord;
  listDocker(): DockerRecord[];
  /** Replaces docker's view. Nothing is told to containerd's listeners. */
  updateDocker(id: string, change: (current: DockerContainer) => DockerContainer, options?: TransactionOptions): DockerRecord;

  readonly names: Names;
  readonly namespaces: Namespaces;
  /** Runs fn as one transaction; nested calls join it. */
  transaction<T>(fn: () => T, options?: TransactionOptions): T;
  close(): void;
}

/** Docker's container names; a name is held by at most one container id. */
export interface Names {
  /** Throws `conflict` with meta.id when another container holds it. */
  reserve(name: string, id: string): void;
  release(id: string): void;
  /** Gives up one name, when this container holds it. */
  releaseName(name: string, id: string): void;
  holder(name: string): string | undefined;
}

export interface Namespace {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface Namespaces {
  get(name: string): Namespace | undefined;
  list(): Namespace[];
  /** Throws alreadyExists. */
  create(name: string, labels: Readonly<Record<string, string>>): Namespace;
  /** Throws notFound. */
  setLabels(name: string, labels: Readonly<Record<string, string>>): Namespace;
  /** Throws notFound, or failedPrecondition when it still has containers or sandboxes. */
  delete(name: string): void;
}
