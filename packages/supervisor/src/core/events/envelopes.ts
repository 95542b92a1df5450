import { type MessageType, packAny, timestampNow } from '@gantry/api';
import type { Envelope } from '@gantry/api/containerd/types/types';
import { SubscriberQueue } from './queue';

/** containerd's topics of the events that this service makes itself; others only pass through. */
export type Topic =
  | '/namespaces/create'
  | '/namespaces/update'
  | '/namespaces/delete'
  | '/containers/create'
  | '/containers/update'
  | '/containers/delete'
  | '/images/create'
  | '/images/update'
  | '/images/delete'
  | '/snapshot/prepare'
  | '/snapshot/commit'
  | '/snapshot/remove'
  | '/sandboxes/create'
  | '/sandboxes/start'
  | '/sandboxes/exit'
  | '/tasks/create'
  | '/tasks/start'
  | '/tasks/exit'
  | '/tasks/delete'
  | '/tasks/oom'
  | '/tasks/paused'
  | '/tasks/resumed'
  | '/tasks/exec-added'
  | '/tasks/exec-started'
  | '/tasks/checkpointed';

/** containerd's event exchange: envelopes in one order to every subscriber, of all namespaces, no history. */
export class Envelopes {
  private readonly listeners = new Set<{ queue: SubscriberQueue<Envelope>; accepts: (envelope: Envelope) => boolean }>();

  /** Wraps an event of ours and delivers it. */
  publish<T>(namespace: string, topic: Topic, event: { type: MessageType<T>; message: T }): void {
    this.forward({ timestamp: timestampNow(), namespace, topic, event: packAny(event.type, event.message) });
  }

  /** Delivers an envelope that somebody else made (a shim, Events.Forward). */
  forward(envelope: Envelope): void {
    for (const { queue, accepts } of this.listeners) {
      if (accepts(envelope) && !queue.push(envelope)) queue.fail(new Error('events: the subscriber is too slow'));
    }
  }

  /** Registers now, yields until the signal aborts. */
  subscribe(accepts: (envelope: Envelope) => boolean, signal?: AbortSignal): AsyncIterableIterator<Envelope> {
    const abort = (): void => queue.end();
    const queue = new SubscriberQueue<Envelope>(() => {
      this.listeners.delete(listener);
      signal?.removeEventListener('abort', abort);
    });
    const listener = { queue, accepts };
    if (signal?.aborted === true) {
      queue.end();
      return queue;
    }
    this.listeners.add(listener);
    signal?.addEventListener('abort', abort, { once: true });
    return queue;
  }
}
