import type { EventMessage } from '@gantry/api/gantry/engine/v1/types';
import { after, type Timer } from '@gantry/rpc';
import { type NanoClock, nanoClock } from '../../core/events/clock';
import { type Filters, dockerEventFilter } from './docker-filter';
import { SubscriberQueue } from '../../core/events/queue';

/** Events kept for `docker events --since`. */
export const HISTORY_LIMIT = 1024;

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
}

export interface EventQuery {
  /** Nanoseconds since the epoch, inclusive. Absent: nothing from the past, unless `until` is given. */
  since?: bigint | undefined;
  /** Nanoseconds since the epoch, inclusive: the stream ends then. */
  until?: bigint | undefined;
  filters?: Filters;
}

/**
 * The engine's event stream, in one order for every listener. It lives in memory, as dockerd's does: a listener that comes back
 * after a restart of the supervisor asks with --since and gets what happened after the restart.
 */
export class DockerEvents {
  private readonly history: EventMessage[] = [];
  private readonly listeners = new Set<{ queue: SubscriberQueue<EventMessage>; accepts: (event: EventMessage) => boolean }>();

  constructor(private readonly clock: NanoClock = nanoClock()) {}

  /** Number of live listeners (`docker info`: NEventsListener). */
  get listenerCount(): number {
    return this.listeners.size;
  }

  /** DockerRecords and delivers one event. Never blocks; a listener that is too far behind is cut off with an error. */
  emit(event: DockerEvent): EventMessage {
    const timeNano = this.clock();
    const message: EventMessage = {
      Type: event.type,
      Action: event.action,
      Actor: { ID: event.id, Attributes: { ...event.attributes } },
      scope: event.scope ?? 'local',
      time: timeNano / 1_000_000_000n,
      timeNano,
    };
    this.history.push(message);
    if (this.history.length > HISTORY_LIMIT) this.history.shift();
    for (const { queue, accepts } of this.listeners) {
      if (accepts(message) && !queue.push(message)) queue.fail(new Error('events: the listener is too slow'));
    }
    return message;
  }

  /**
   * Registers a listener now (before the first await of the caller), then yields past events from `since` and live ones.
   * Ends at `until` or when the signal aborts.
   */
  subscribe(query: EventQuery, signal?: AbortSignal): AsyncIterableIterator<EventMessage> {
    const matches = dockerEventFilter(query.filters ?? {});
    const until = query.until;
    const accepts = (event: EventMessage): boolean => (until === undefined || event.timeNano <= until) && matches(event);

    let timer: Timer | undefined;
    const abort = (): void => queue.end();
    const queue = new SubscriberQueue<EventMessage>(() => {
      this.listeners.delete(listener);
      timer?.cancel();
      signal?.removeEventListener('abort', abort);
    });
    const listener = { queue, accepts };

    if (query.since !== undefined || until !== undefined) {
      const since = query.since ?? 0n;
      for (const event of this.history) if (event.timeNano >= since && accepts(event)) queue.push(event);
    }
    if (signal?.aborted === true) {
      queue.end();
      return queue;
    }
    this.listeners.add(listener);
    signal?.addEventListener('abort', abort, { once: true });
    if (until !== undefined) timer = endAt(until, queue);
    return queue;
  }
}

function endAt(until: bigint, queue: SubscriberQueue<EventMessage>): Timer | undefined {
  const delay = Number(until / 1_000_000n) - Date.now() + 1;
  if (delay <= 0) {
    queue.end();
    return undefined;
  }
  return after(delay, () => queue.end(), { ref: false });
}
