import type { CallContext } from '@gantry/rpc';
import type { TaskEnd } from './exit/exit';
import type { Phase, StateChange, Stateful } from './phases';
import type { TransactionOptions } from './records';

/** A container as the core sees it: a snapshot, never changed in place. */
export interface Contained extends Stateful {
  readonly id: string;
  /** Has a place on some network: there is something to give back when it ends. */
  readonly networked: boolean;
  /** Has more that is to be given back than task, snapshot and directory (`giveBack` has something to do). */
  readonly holds: boolean;
}

/** What comes after an end: its next start, its removal, or nothing. */
export type AfterEnd = 'restart' | 'removal' | 'rest';

/**
 * The face whose containers these are (docker, CRI): it keeps their views and says what follows when they move on; the core moves them.
 * All calls are synchronous unless they answer a promise; those that write join the transaction that is under way.
 */
export interface Face {
  /** containerd's namespace of its containers and their tasks. */
  readonly namespace: string;

  get(id: string): Contained | undefined;
  list(): Contained[];
  /**
   * Changes the phase, with whatever the face changes along with it, in one write. Throws failedPrecondition for a move that the table
   * of phases lacks, notFound for a container that is gone.
   */
  move(id: string, phase: Phase, change?: StateChange, options?: TransactionOptions): Contained;
  /** Changes fields of the state and keeps the phase. */
  note(id: string, change: StateChange, options?: TransactionOptions): void;
  /** Removes the record, which its listeners are told when that is true. Answers what follows then. */
  delete(id: string): () => void;

  /** Asked once for each end, before it is written. */
  afterEnd(id: string, end: TaskEnd): AfterEnd;
  /**
   * The end is written; nobody who waits for it is told yet. Answers what tells the face's listeners, to be called once the network is given
   * back: they hear of that first.
   */
  ended(id: string, end: TaskEnd, ranMs: number): () => void;
  execEnded(id: string, execId: string, exitCode: number): void;
  /** Something happened to the task that the face tells its listeners; once for each source that is named. */
  happened(id: string, what: 'oom' | 'pause' | 'unpause', source?: string): void;
  /** The network service took the container's endpoints back. */
  disconnected(id: string): void;
  /** The task and its bundle are gone; the record may be gone before. */
  taskGone(id: string): Promise<void>;
  /** Gives back what a container has beyond its task, snapshot and directory: volumes. */
  giveBack(ctx: CallContext, id: string, options: { readonly volumes: boolean }): Promise<void>;
}
