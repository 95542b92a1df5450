import { EventsServiceService, type SubscribeResponse } from '@gantry/api/gantry/shim/v1/shim';
import { type CallContext, type Connection, type Logger, newContext } from '@gantry/rpc';
import type { TaskEvent, TaskEvents } from './contract';

/** Milliseconds between two tries to reach the shim. */
const RETRY_MS = 200;

/** The shim's event stream over one connection; see TaskEvents for the contract. */
export function subscribeTaskEvents(connection: Connection, logger: Logger): TaskEvents {
  const shim = connection.client(EventsServiceService);
  const handlers = new Set<(event: TaskEvent) => void | Promise<void>>();
  const stopping = new AbortController();
  let running: Promise<void> = Promise.resolve();

  const deliver = async (ctx: CallContext, { sequence, envelope }: SubscribeResponse): Promise<void> => {
    if (envelope?.event !== undefined) {
      const event: TaskEvent = { sequence, namespace: envelope.namespace, topic: envelope.topic, timestamp: envelope.timestamp, event: envelope.event };
      for (const handler of handlers) {
        try {
          await handler(event);
        } catch (error) {
          logger.error({ err: error, topic: event.topic, sequence: String(sequence) }, 'a handler of a task event failed');
        }
      }
    }
    // A lost acknowledgement only brings the event again.
    shim.ack(ctx, { sequence }, { timeoutMs: 10_000 }).catch((error: unknown) => logger.debug({ err: error }, 'an acknowledgement was lost'));
  };

  const listen = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const ctx = newContext({ signal: stopping.signal });
      try {
        for await (const message of shim.subscribe(ctx, {}, { waitForReady: true })) await deliver(ctx, message);
      } catch (error) {
        if (stopping.signal.aborted) return;
        logger.debug({ err: error }, 'the stream of task events broke');
      }
      await new Promise<void>((resolve) => setTimeout(resolve, RETRY_MS).unref());
    }
  };

  return {
    onEvent(handler) {
      handlers.add(handler);
      return () => handlers.delete(handler);
    },
    start() {
      running = listen();
    },
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
