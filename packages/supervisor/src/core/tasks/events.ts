import { EventsServiceService, type SubscribeResponse } from '@gantry/api/gantry/shim/v1/shim';
import { TaskPaused } from '@gantry/api/containerd/events/events';
import { type CallContext, type Connection, type Logger, newContext } from '@gantry/rpc';
import type { TaskEvent, TaskEvents } from './contract';
import { Deliveries } from './deliveries';

/** Milliseconds between two tries to reach the shim. */
const RETRY_MS = 200;
/** Milliseconds that an acknowledgement waits for more events: one is enough for all that came before it. */
const ACK_MS = 50;

/** The shim's event stream over one connection; see TaskEvents for the contract. */
export function subscribeTaskEvents(connection: Connection, logger: Logger): TaskEvents {
  const shim = connection.client(EventsServiceService);
  const handlers = new Set<(event: TaskEvent) => void | Promise<void>>();
  const stopping = new AbortController();
  let running: Promise<void> = Promise.resolve();

  const deliveries = new Deliveries(handlers, logger, stopping.signal);
  let acknowledging: NodeJS.Timeout | undefined;
  const acknowledge = (ctx: CallContext): void => {
    acknowledging = undefined;
    // A lost acknowledgement only brings the events again.
    shim
      .ack(ctx, { sequence: deliveries.handled }, { timeoutMs: 10_000 })
      .catch((error: unknown) => logger.debug({ err: error }, 'an acknowledgement was lost'));
  };

  const deliver = async (ctx: CallContext, { sequence, envelope, exitError }: SubscribeResponse): Promise<void> => {
    if (envelope?.event !== undefined) {
      const event: TaskEvent = {
        sequence,
        namespace: envelope.namespace,
        topic: envelope.topic,
        timestamp: envelope.timestamp,
        event: envelope.event,
        exitError,
      };
      await deliveries.take(event, `${event.namespace}/${containerOf(event)}`);
    }
    acknowledging ??= setTimeout(acknowledge, ACK_MS, ctx).unref();
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
      clearTimeout(acknowledging);
      stopping.abort();
      await running;
    },
  };
}

/** Every event of a task begins with its container's id: the shortest of them reads it from any. */
function containerOf({ event }: TaskEvent): string {
  return TaskPaused.decode(event.value).containerId;
}
