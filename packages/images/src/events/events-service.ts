import type { EventsService } from '@gantry/api/containerd/services/events/v1/events';
import { type Handlers, notImplemented } from '@gantry/rpc';
import { compileFilters } from '@gantry/oci/filter';
import type { Exchange } from './exchange';

/** containerd.services.events.v1, for the supervisor to listen to: this service takes no events of others. */
export function eventsHandlers(exchange: Exchange): Handlers<typeof EventsService> {
  const refuse = async (): Promise<never> => {
    throw notImplemented("events are published at the supervisor's socket");
  };
  return {
    publish: refuse,
    forward: refuse,
    async *subscribe(ctx, { filters }) {
      const matches = compileFilters(filters);
      const events = exchange.subscribe(ctx.signal);
      for await (const envelope of events) {
        if (matches((path) => (path[0] === 'topic' ? envelope.topic : path[0] === 'namespace' ? envelope.namespace : undefined)))
          yield envelope;
      }
    },
  };
}
