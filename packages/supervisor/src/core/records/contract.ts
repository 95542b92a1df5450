import type { Container } from '@gantry/api/containerd/services/containers/v1/containers';

export type { Container as ContainerdContainer } from '@gantry/api/containerd/services/containers/v1/containers';

/** Key, and type URL, of the extension in which the face that made a container keeps its view of it. */
export const VIEW_EXTENSION = 'gantry.engine.v1.Container';

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
 * Containerd's container records of all namespaces: the one store behind every face of the supervisor. A face keeps its view of a
 * container as an extension that only it writes. All calls are synchronous (SQLite, WAL); errors are GantryErrors (notFound,
 * alreadyExists).
 *
 * ```ts
 * const records = openRecords(new Database('/var/lib/gantry/supervisor/state.db'));
 * records.create('default', container);
 * records.get('default', container.id)?.labels;
 * ```
 */
export interface Records {
  get(namespace: string, id: string): Container | undefined;
  /** In order of creation. */
  list(namespace: string): Container[];
  /** As list, without reading the records. */
  ids(namespace: string): string[];
  /** Adds a record as it is, with createdAt and updatedAt set. */
  create(namespace: string, container: Container, options?: TransactionOptions): Container;
  /** Replaces a record by what `change` makes of it (updatedAt is set). The view is kept whatever `change` does to it. */
  update(namespace: string, id: string, change: (current: Container) => Container): Container;
  /** Removes a record with its view. Throws notFound. */
  delete(namespace: string, id: string, options?: TransactionOptions): Container;
  /** Listens to every change of records of every namespace. Returns how to stop. */
  onChange(listener: (change: RecordChange) => void): () => void;

  readonly views: Views;
  readonly namespaces: Namespaces;
  /** Runs fn as one transaction; nested calls join it. */
  transaction<T>(fn: () => T, options?: TransactionOptions): T;
  close(): void;
}

/** The views by themselves, encoded: for the face that wrote them. */
export interface Views {
  /** In order of creation. */
  list(namespace: string): readonly { readonly id: string; readonly view: Uint8Array }[];
  /** Replaces one. Nothing is told to listeners. Throws internal when the record is gone. */
  set(namespace: string, id: string, view: Uint8Array): void;
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
