import { EventsServiceService, type SubscribeResponse } from '@gantry/api/gantry/shim/v1/shim';
import { type CallContext, type Connection, type Logger, newContext, pause } from '@gantry/rpc';
import type { TaskEvent, TaskEvents } from './contract';

/** Milliseconds between two tries to reach the shim. */
const RETRY_MS = 200;
/** Milliseconds that an acknowledgement waits for more events: one is enough for all that came before it. */
const ACK_MS = 50;
/** How often a failing handler is called, and milliseconds (times the attempt) before it is called again. */
const ATTEMPTS = 10;
const AGAIN_MS = 100;

/** The shim's event stream over one connection; see TaskEvents for the contract. */
export function subscribeTaskEvents(connection: Connection, logger: Logger): TaskEvents {
  const shim = connection.client(EventsServiceService);
  const handlers = new Set<(event: TaskEvent) => void | Promise<void>>();
  const stopping = new AbortController();
  let running: Promise<void> = Promise.resolve();

  /** A handler fails when the disk is full, for example: an end that cannot be written is tried again for a while before it is passed over. */
  const handle = async (handler: (event: TaskEvent) => void | Promise<void>, event: TaskEvent): Promise<void> => {
    for (let attempt = 1; attempt <= ATTEMPTS && !stopping.signal.aborted; attempt++) {
      try {
        return await handler(event);
      } catch (error) {
        logger.error({ err: error, topic: event.topic, sequence: String(event.sequence), attempt }, 'a handler of a task event failed');
        await pause(attempt * AGAIN_MS, { ref: false });
      }
    }
  };

  let handled = 0n;
  let acknowledging: NodeJS.Timeout | undefined;
  const acknowledge = (ctx: CallContext): void => {
    acknowledging = undefined;
    // A lost acknowledgement only brings the events again.
    shim
      .ack(ctx, { sequence: handled }, { timeoutMs: 10_000 })
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
      for (const handler of handlers) await handle(handler, event);
    }
    handled = sequence;
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
