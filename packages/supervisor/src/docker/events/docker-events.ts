import type { EventMessage } from '@gantry/api/gantry/engine/v1/types';
import { after, type Logger, outOfRange, type Timer } from '@gantry/rpc';
import { type NanoClock, nanoClock } from '../../core/events/clock';
import { SubscriberQueue } from '../../core/events/queue';
import { type Filters, dockerEventFilter } from './docker-filter';
import type { EventJournal, PlacedEvent } from './journal-contract';

/** What an emitter says; time and scope are the bus's. */
export interface DockerEvent {
  /** container, image, network, volume, daemon … */
  type: string;
  action: string;
  /** Actor.ID; empty for prune events. */
  id: string;
  attributes?: Readonly<Record<string, string>>;
  /** `local` unless said. */
  scope?: string;
  /** What it tells of, when that may be told to the engine again: it becomes an event once only. */
  source?: string;
}

export interface EventQuery {
  /** Nanoseconds since the epoch, inclusive. Absent: nothing from the past, unless `until` is given. */
  since?: bigint | undefined;
  /** Nanoseconds since the epoch, inclusive: the stream ends then. */
  until?: bigint | undefined;
  /** Instead of `since`: what came behind this position. */
  after?: bigint | undefined;
  filters?: Filters;
}

/** A stream of events. To be closed when nobody reads it any more, also when nobody began to. */
export interface Subscription {
  /** The position that it begins behind. */
  readonly position: bigint;
  readonly events: AsyncIterable<PlacedEvent>;
  close(): void;
}

/** Events read from the journal at a time. */
const PAGE = 256;

/** The engine's event stream, in one order for every listener, out of a journal that outlives the process. */
export class DockerEvents {
  private readonly listeners = new Set<{ queue: SubscriberQueue<PlacedEvent>; accepts: (event: EventMessage) => boolean }>();
  private readonly clock: NanoClock;
  private lost = false;

  constructor(
    private readonly journal: EventJournal,
    private readonly logger: Pick<Logger, 'warn'>,
    clock?: NanoClock,
  ) {
    const { newest } = journal.usage();
    this.clock = clock ?? nanoClock(undefined, journal.read(newest - 1n, newest, 1)[0]?.event.timeNano);
  }

  /** Number of live listeners (`docker info`: NEventsListener). */
  get listenerCount(): number {
    return this.listeners.size;
  }

  /**
   * Writes an event down and delivers it; inside a transaction, both when that is true. Never blocks; a listener that is too far behind is cut
   * off with an error.
   */
  emit({ type, action, id, attributes, scope = 'local', source }: DockerEvent): void {
    const timeNano = this.clock();
    const event: EventMessage = {
      Type: type,
      Action: action,
      Actor: { ID: id, Attributes: { ...attributes } },
      scope,
      time: timeNano / 1_000_000_000n,
      timeNano,
    };
    const position = this.write(event, source);
    if (position !== undefined) this.journal.onCommit(() => this.deliver({ position, event }));
  }

  /** For each container whose start or end is in the journal: which of them came last. */
  lastOfRuns(): ReturnType<EventJournal['lastOfRuns']> {
    return this.journal.lastOfRuns();
  }

  /** What cannot be written down is told to who listens now. */
  private write(event: EventMessage, source: string | undefined): bigint | undefined {
    try {
      const position = this.journal.append(event, source);
      this.lost = false;
      return position;
    } catch (error) {
      if (this.journal.joining) throw error;
      if (!this.lost) this.logger.warn({ err: error }, 'events cannot be written to their journal');
      this.lost = true;
      return 0n;
    }
  }

  private deliver(placed: PlacedEvent): void {
    for (const { queue, accepts } of this.listeners) {
      if (accepts(placed.event) && !queue.push(placed)) queue.fail(new Error('events: the listener is too slow'));
    }
  }

  /**
   * Registers a listener now (before the first await of the caller), for past events from `since` or behind `after`, then live ones.
   * Ends at `until` or when the signal aborts. Throws outOfRange when the journal no longer has what is behind `after`.
   */
  subscribe(query: EventQuery, signal?: AbortSignal): Subscription {
    const matches = dockerEventFilter(query.filters ?? {});
    const { until } = query;
    const accepts = (event: EventMessage): boolean => (until === undefined || event.timeNano <= until) && matches(event);
    const upTo = this.journal.usage().newest;
    const position = this.begin(query, upTo);

    let timer: Timer | undefined;
    const abort = (): void => queue.end();
    const queue = new SubscriberQueue<PlacedEvent>(() => {
      this.listeners.delete(listener);
      timer?.cancel();
      signal?.removeEventListener('abort', abort);
    });
    const listener = { queue, accepts };
    const subscription = {
      position,
      events: this.stream(position, upTo, (event) => (query.since === undefined || event.timeNano >= query.since) && accepts(event), queue),
      close: () => queue.end(),
    };
    if (signal?.aborted === true) {
      queue.end();
      return subscription;
    }
    this.listeners.add(listener);
    signal?.addEventListener('abort', abort, { once: true });
    if (until !== undefined) timer = endAt(until, queue);
    return subscription;
  }

  private begin({ since, until, after: behind }: EventQuery, newest: bigint): bigint {
    if (behind === undefined) return since === undefined && until === undefined ? newest : this.journal.before(since ?? 0n);
    this.checkKept(behind, newest);
    return behind;
  }

  private checkKept(behind: bigint, newest: bigint): void {
    const { oldest } = this.journal.usage();
    if (behind < oldest - 1n || behind > newest)
      throw outOfRange(`events behind position ${behind} are not in the journal, which has ${oldest} to ${newest}`);
  }

  private async *stream(
    position: bigint,
    upTo: bigint,
    accepts: (event: EventMessage) => boolean,
    queue: SubscriberQueue<PlacedEvent>,
  ): AsyncGenerator<PlacedEvent> {
    for (let at = position; at < upTo;) {
      this.checkKept(at, upTo);
      for (const placed of this.journal.read(at, upTo, PAGE)) {
        at = placed.position;
        if (accepts(placed.event)) yield placed;
      }
    }
    yield* queue;
  }
}

function endAt(until: bigint, queue: SubscriberQueue<PlacedEvent>): Timer | undefined {
  const delay = Number(until / 1_000_000n) - Date.now() + 1;
  if (delay <= 0) {
    queue.end();
    return undefined;
  }
  return after(delay, () => queue.end(), { ref: false });
}
