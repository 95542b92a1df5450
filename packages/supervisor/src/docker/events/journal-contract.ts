import type { EventMessage } from '@gantry/api/gantry/engine/v1/types';

/** An event at its place in the journal: places are whole numbers without a gap, in the order in which the events happened. */
export interface PlacedEvent {
  /** 0n: it could not be written (the disk is full) and is told to those only who listen now. */
  readonly position: bigint;
  readonly event: EventMessage;
}

/** What bounds a journal: the oldest events go when there are more, or when theirs are more bytes. */
export interface EventBounds {
  readonly events: number;
  readonly bytes: number;
}

export const DEFAULT_BOUNDS: EventBounds = { events: 8192, bytes: 2 * 1024 * 1024 };

/** How full a journal is. */
export interface EventUsage extends EventBounds {
  /** Position of the oldest event that is kept, and of the newest; the oldest is behind the newest when there is none. */
  readonly oldest: bigint;
  readonly newest: bigint;
  /** Bytes of the events that are kept. */
  readonly used: number;
}

/**
 * Docker's events on disk, bounded. An event that is appended inside a transaction becomes true with it, so that a state and the event that tells of
 * it are never parted by a death of the process. All calls are synchronous.
 *
 * ```ts
 * const journal = openEventJournal(db, { events: 8192, bytes: 2 ** 21 });
 * const position = journal.append(event);
 * journal.read(position - 1n, journal.usage().newest, 100);
 * ```
 */
export interface EventJournal {
  /** Answers its position; undefined when an event of the same source is there already. Throws the store's errors. */
  append(event: EventMessage, source?: string): bigint | undefined;
  /** Events behind a position, up to and with another, the oldest first; at most `limit`. */
  read(after: bigint, upTo: bigint, limit: number): PlacedEvent[];
  /** The position before the first event that happened at this time (nanoseconds) or later; that of the newest when there is none. */
  before(timeNano: bigint): bigint;
  /** For each container whose start or end is in the journal: which of them came last. */
  lastOfRuns(): ReadonlyMap<string, 'start' | 'die'>;
  usage(): EventUsage;
  /** Calls back when the transaction under way is true, at once when there is none. */
  onCommit(fn: () => void): void;
  /** Whether a transaction is under way, whose outcome a failed append decides. */
  readonly joining: boolean;
}
