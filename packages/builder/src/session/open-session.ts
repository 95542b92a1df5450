import type { BuildServiceService } from '@gantry/api/gantry/build/v1/build';
import { type Handlers, invalidArgument, type StreamBroker } from '@gantry/rpc';
import type { SessionRegistry } from './registry';

/** Takes sessions that came over the Engine API: the gateway has the connection and brings it to a ticket. */
export function openSession(
  sessions: SessionRegistry,
  broker: Pick<StreamBroker, 'offer'>,
): Handlers<typeof BuildServiceService>['openSession'] {
  return async (_ctx, { id, name, sharedKey, methods }) => {
    if (id === '') throw invalidArgument('a session needs an id');
    sessions.check(id);
    return { ticket: broker.offer((stream) => sessions.serve(stream, { id, name, sharedKey, methods })) };
  };
}
