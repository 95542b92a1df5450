import { type EventsServiceService, type SubscribeResponse } from '@gantry/api/gantry/shim/v1/shim';
import type { Handlers } from '@gantry/rpc';
import type { Publisher } from './publisher';

/** gantry.shim.v1.EventsService: exits reach the supervisor at least once. */
export function eventsHandlers(publisher: Publisher): Handlers<typeof EventsServiceService> {
  return {
    subscribe: async function* (ctx): AsyncGenerator<SubscribeResponse, void, undefined> {
      for await (const { sequence, envelope, exitError } of publisher.subscribe(ctx.signal)) yield { sequence, envelope, exitError };
    },
    ack: async (_ctx, { sequence }) => {
      publisher.journal.ack(sequence);
      return {};
    },
  };
}
