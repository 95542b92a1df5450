import { timestampNow } from '@gantry/api';
import { EventsService as TtrpcEventsService } from '@gantry/api/containerd/services/events/ttrpc/v1/events';
import type { EventsService } from '@gantry/api/containerd/services/events/v1/events';
import { failedPrecondition, type Handlers, invalidArgument, type TtrpcServer } from '@gantry/rpc';
import type { Envelopes } from '../../core/events';
import { envelopeFields } from '../filter/fields';
import { compileFilters } from '@gantry/oci/filter';
import { checkIdentifier } from '../identifiers';

/** A topic is a path of words: `/tasks/start`. */
const TOPIC = /^(?:\/[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*)+$/;

function checkTopic(topic: string): void {
  if (topic === '') throw invalidArgument('must not be empty: topic "": invalid argument');
  if (!TOPIC.test(topic)) throw invalidArgument(`must start with '/' and have valid components: topic "${topic}": invalid argument`);
}

/** containerd.services.events.v1. A subscriber sees the events of all namespaces that its filters let through. */
export function eventsHandlers(envelopes: Envelopes): Handlers<typeof EventsService> {
  return {
    async publish(ctx, { topic, event }) {
      if (ctx.namespace === '') throw failedPrecondition('namespace is required: failed precondition');
      checkIdentifier(ctx.namespace);
      checkTopic(topic);
      envelopes.forward({ timestamp: timestampNow(), namespace: ctx.namespace, topic, event });
      return {};
    },
    async forward(_ctx, { envelope }) {
      if (envelope === undefined) throw invalidArgument('events: forward without an envelope');
      checkIdentifier(envelope.namespace);
      checkTopic(envelope.topic);
      if (envelope.timestamp === undefined) throw invalidArgument('events: the envelope has no timestamp');
      envelopes.forward(envelope);
      return {};
    },
    subscribe(ctx, { filters }) {
      const matches = compileFilters(filters);
      return envelopes.subscribe((envelope) => matches(envelopeFields(envelope)), ctx.signal);
    },
  };
}

/** What containerd serves over ttrpc, at its address with `.ttrpc` behind: shims, and clients that are small, forward their events there. */
export function addTtrpcFace(server: TtrpcServer, envelopes: Envelopes): void {
  const { forward } = eventsHandlers(envelopes);
  server.addService(TtrpcEventsService, { forward });
}
