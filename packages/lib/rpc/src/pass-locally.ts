import { type Metadata, type ServerDuplexStream, status as Code } from '@grpc/grpc-js';
import type { GantryError } from './errors';
import type { NearMethod } from './local-calls';
import { incoming, runCall } from './serve-call';
import { toStatus } from './status';

type Inbound = ServerDuplexStream<Buffer, Buffer>;
type Refusal = { readonly code: Code; readonly details: string };

/**
 * Answers a unary call that is passed on from where it would have been passed to: by a server of this process, without its socket (ADR 0393). What the caller
 * sees is the same: that server decodes what the caller sent, and its context, deadline, cancellation, errors, spans, logs and metrics are those of a call over the socket.
 */
export function passLocally(near: NearMethod, inbound: Inbound, metadata: Metadata): void {
  let message: Buffer | undefined;
  let refusal: Refusal | undefined;
  inbound.on('data', (next: Buffer) => {
    if (message !== undefined) refusal = { code: Code.UNIMPLEMENTED, details: `${inbound.getPath()} takes one message` };
    message = next;
  });
  inbound.on('error', () => undefined);
  inbound.once('end', () => {
    if (inbound.cancelled) return;
    if (message === undefined) refusal = { code: Code.UNIMPLEMENTED, details: `${inbound.getPath()} takes a message` };
    if (refusal !== undefined) inbound.emit('error', refusal);
    else serve(near, inbound, { metadata, message: message as Buffer });
  });
}

function serve(
  { server, entry: { method, handler, long } }: NearMethod,
  inbound: Inbound,
  { metadata, message }: { readonly metadata: Metadata; readonly message: Buffer },
): void {
  let asked: unknown;
  try {
    asked = method.requestDeserialize(message);
  } catch {
    inbound.emit('error', { code: Code.INTERNAL, details: 'Error deserializing request' }); // grpc-js's own words
    return;
  }
  let answered = false;
  const answer = (tell: () => void): void => {
    if (answered || inbound.cancelled) return;
    answered = true;
    tell();
  };
  const fail = (error: GantryError): void => answer(() => void inbound.emit('error', toStatus(error)));
  const call = incoming(server.around, {
    metadata,
    getDeadline: () => inbound.getDeadline(),
    getPath: () => inbound.getPath(),
    on: (event, listener) => inbound.on(event, listener),
  });
  server.begin(call, (reason) => {
    call.gone.abort(reason);
    fail(reason);
  });
  void runCall(server.around, call, long, async (ctx) => method.responseSerialize(await handler(ctx, asked))).then((end) => {
    server.end(call);
    if (!end.ok) return fail(end.error);
    answer(() => {
      inbound.write(end.value);
      inbound.end(); // of grpc-js: it takes trailers, no last message
    });
  });
}
