import { unpackAny } from '@gantry/api';
import { TaskOOM } from '@gantry/api/containerd/events/events';
import { EventsService } from '@gantry/api/containerd/services/events/ttrpc/v1/events';
import { createTtrpcServer, type Logger, type TtrpcServer } from '@gantry/rpc';

/**
 * Where shims publish their events (TTRPC_ADDRESS). Of these only the OOM kill is news: starts and exits are told by their calls, and are
 * published under our own order.
 */
export function eventsServer(logger: Logger, oom: (namespace: string, id: string) => void): TtrpcServer {
  const server = createTtrpcServer({ logger });
  server.addService(EventsService, {
    forward: async (_ctx, { envelope }) => {
      const killed = envelope?.topic === '/tasks/oom' ? unpackAny(envelope.event, TaskOOM) : undefined;
      if (envelope !== undefined && killed !== undefined) oom(envelope.namespace, killed.containerId);
      return {};
    },
  });
  return server;
}
