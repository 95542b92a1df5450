import type { LogMessage, LogSink } from '../driver';
import type { HttpClient } from '../wires/http';
import type { Batches } from './batches';

/** A sink each of whose messages is an event by itself, or none: they go in batches over one client. */
export function batchedSink<Event>(
  batches: Batches<Event>,
  { client, toEvent }: { readonly client: Pick<HttpClient, 'close'>; readonly toEvent: (message: LogMessage) => Event | undefined },
): LogSink {
  let sends = 0;
  return {
    lost: batches.lost,
    progress: () => batches.progress(),
    async send(messages, abort) {
      for (const message of messages) {
        const event = toEvent(message);
        if (event !== undefined) batches.add(event);
      }
      batches.mark(++sends);
      await batches.room(abort);
      return 0;
    },
    async close(abort) {
      await batches.close(abort);
      client.close();
    },
  };
}
