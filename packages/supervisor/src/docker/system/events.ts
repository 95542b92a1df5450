import type { EventsRequest, EventsResponse } from '@gantry/api/gantry/engine/v1/resources';
import { type CallContext, invalidArgument } from '@gantry/rpc';
import { parseSecondsNanos } from '../../core/events';
import { type DockerEvents } from '../events';

/** GET /events: first that the subscription stands, then past events from `since` or behind `after`, then live ones until `until`. */
export async function* streamEvents(events: DockerEvents, ctx: CallContext, request: EventsRequest): AsyncGenerator<EventsResponse> {
  const since = time('since', request.since);
  const until = time('until', request.until);
  if (since !== undefined && until !== undefined && until < since) throw invalidArgument('`since` time cannot be after `until` time');
  const subscription = events.subscribe({ since, until, after: request.after, filters: request.filters }, ctx.signal);
  try {
    yield { event: undefined, subscribed: true, position: subscription.position };
    for await (const { event, position } of subscription.events) yield { event, subscribed: false, position };
    ctx.signal.throwIfAborted(); // it was cut, by a service that stops perhaps, and not at its end
  } finally {
    subscription.close();
  }
}

function time(name: string, text: string): bigint | undefined {
  try {
    return parseSecondsNanos(text);
  } catch (error) {
    throw invalidArgument(`invalid value of ${name}: ${(error as Error).message}`, { cause: error });
  }
}
