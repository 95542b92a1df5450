import type { Container as DockerContainer } from '@gantry/api/gantry/engine/v1/record';
import type { Records, TransactionOptions } from '../../core/records';

export type { Container as DockerContainer, MountRecord } from '@gantry/api/gantry/engine/v1/record';

/** One of docker's containers: its id and docker's view of it. A snapshot: never changed in place (`DockerRecords.updateDocker`). */
export interface DockerRecord {
  readonly id: string;
  readonly docker: DockerContainer;
}

/**
 * The records of docker's namespace as docker sees them, beside those of every face: by id, name and id prefix, with docker's view
 * decoded once.
 *
 * ```ts
 * const records = openDockerRecords(db, 'gantry');
 * records.findDocker('web')?.docker.imageId;
 * ```
 */
export interface DockerRecords extends Records {
  /** The namespace whose containers docker sees. */
  readonly dockerNamespace: string;
  getDocker(id: string): DockerRecord | undefined;
  /** By full id, then name (with or without a leading slash), then `container/alias` of a link, then unambiguous id prefix. Throws invalidArgument for an ambiguous prefix. */
  findDocker(ref: string): DockerRecord | undefined;
  /** As findDocker; throws notFound `No such container: <ref>`. */
  requireDocker(ref: string): DockerRecord;
  /** In order of creation. */
  listDocker(): DockerRecord[];
  /** Replaces docker's view. Nothing is told to listeners of records. */
  updateDocker(id: string, change: (current: DockerContainer) => DockerContainer, options?: TransactionOptions): DockerRecord;
  readonly names: Names;
}

/** Docker's container names; a name is held by at most one container id. It goes with its container's record. */
export interface Names {
  /** Throws `conflict` with meta.id when another container holds it. */
  reserve(name: string, id: string): void;
  release(id: string): void;
  /** Gives up one name, when this container holds it. */
  releaseName(name: string, id: string): void;
  holder(name: string): string | undefined;
}
