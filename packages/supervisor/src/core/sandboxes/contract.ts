import type { Sandbox } from '@gantry/api/containerd/types/types';
import type { TransactionOptions } from '../records';

/** Where a sandbox is in its life. It is ready once only: a pod that comes back is a new sandbox. */
export type SandboxPhase = 'created' | 'ready' | 'stopped';

/** What changes while a sandbox lives. */
export interface SandboxState {
  readonly phase: SandboxPhase;
  /** Its first process; 0 when it has none, or none any more. */
  readonly pid: number;
  /** Its network namespace: a path that lives as long as the sandbox. Empty: the host's. */
  readonly netnsPath: string;
  /** Boot id of the host when it became ready. */
  readonly bootId: string;
  /** RFC 3339; empty: never. */
  readonly startedAt: string;
  readonly stoppedAt: string;
  readonly exitCode: number;
}

/**
 * What processes of several containers share: a network namespace with its endpoints and, for most, a first process that holds the
 * namespaces. A snapshot: never changed in place.
 */
export interface SandboxRecord {
  readonly namespace: string;
  /** containerd's record: id, runtime, spec, labels, extensions, sandboxer. What a face keeps of its own goes into the extensions. */
  readonly sandbox: Sandbox;
  readonly state: SandboxState;
}

/** A sandbox that lives, as the network service is told. */
export interface LiveSandbox {
  readonly sandboxId: string;
  readonly netnsPath: string;
}

/**
 * The sandboxes that were made as such, of all faces: CRI's pods, containerd's. A container that is in none (Container.sandbox empty)
 * is its own, under its own id, and has no record here. All calls are synchronous and join a transaction of the same database.
 *
 * ```ts
 * sandboxes.create('k8s.io', sandbox);                                       // Store.Create
 * sandboxes.move('k8s.io', id, 'ready', { pid, netnsPath, bootId, startedAt }); // Controller.Start
 * sandboxes.move('k8s.io', id, 'stopped', { pid: 0, exitCode, stoppedAt });
 * sandboxes.delete('k8s.io', id);                                            // Store.Delete
 * ```
 */
export interface Sandboxes {
  get(namespace: string, id: string): SandboxRecord | undefined;
  /** As get; throws notFound. */
  require(namespace: string, id: string): SandboxRecord;
  /** In order of creation. */
  list(namespace: string): SandboxRecord[];
  /** Adds a record with createdAt and updatedAt set, in phase `created`. Throws alreadyExists. */
  create(namespace: string, sandbox: Sandbox, options?: TransactionOptions): SandboxRecord;
  /** Replaces containerd's record by what `change` makes of it; id and createdAt stay, updatedAt is set. Throws notFound. */
  update(namespace: string, id: string, change: (current: Sandbox) => Sandbox): SandboxRecord;
  /** Goes on to a phase. Throws failedPrecondition for a move that is none, notFound. */
  move(namespace: string, id: string, phase: SandboxPhase, change?: Partial<Omit<SandboxState, 'phase'>>): SandboxRecord;
  /** Throws notFound, and failedPrecondition for one that is ready. */
  delete(namespace: string, id: string): void;
  /** Those of every namespace that became ready in this boot and have a network of their own. */
  live(bootId: string): LiveSandbox[];
}
