import { EventEmitter, on } from 'node:events';
import { type MessageType, packAny, timestampNow } from '@gantry/api';
import type { Envelope } from '@gantry/api/containerd/types/types';

/** containerd's topics that this service tells. */
export type Topic = '/images/create' | '/images/update' | '/images/delete' | '/snapshot/prepare' | '/snapshot/commit' | '/snapshot/remove';

/** Events of this service's own changes, to whoever listens now; no history. */
export class Exchange {
  private readonly emitter = new EventEmitter().setMaxListeners(0);

  publish<T>(namespace: string, topic: Topic, type: MessageType<T>, message: T): void {
    if (this.emitter.listenerCount('event') === 0) return;
    this.emitter.emit('event', { timestamp: timestampNow(), namespace, topic, event: packAny(type, message) } satisfies Envelope);
  }

  /** Listens from now on (the listener is there when this returns) until the signal aborts. */
  subscribe(signal: AbortSignal): AsyncIterable<Envelope> {
    const events = on(this.emitter, 'event', { signal });
    return {
      async *[Symbol.asyncIterator]() {
        for await (const [envelope] of events) yield envelope as Envelope;
      },
    };
  }
}
