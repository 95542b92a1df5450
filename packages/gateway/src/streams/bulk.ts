import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { Socket } from 'node:net';
import { cancelled, internal, openTicket, type StreamTicket } from '@gantry/rpc';
import type { Exchange } from '../http/exchange';

export function needTicket(ticket: StreamTicket | undefined, what: string): StreamTicket {
  if (ticket === undefined) throw internal(`the engine handed over no stream for ${what}`);
  return ticket;
}

/** Pipes a ticket's bytes into the answer, with back-pressure; the status is sent before the first byte. Rejects when the client goes away. */
export async function download(x: Exchange, ticket: StreamTicket, headers: Record<string, string>): Promise<void> {
  const socket = await openTicket(ticket, { signal: x.ctx.signal });
  x.response.writeHead(200, headers);
  x.response.flushHeaders();
  await pipe(socket, x.response);
}

async function pipe(socket: Socket, response: ServerResponse): Promise<void> {
  socket.end(); // nothing goes up
  try {
    await pipeline(socket, response);
  } catch (error) {
    throw response.destroyed ? cancelled('the client went away', { cause: error }) : error;
  }
}

/**
 * Pipes a request's body into a ticket, then says "no more". Resolves quietly when the engine closes early: why is told by the call that
 * handed the ticket over.
 */
export async function upload(request: IncomingMessage, ticket: StreamTicket, signal: AbortSignal): Promise<void> {
  const socket = await openTicket(ticket, { signal });
  socket.resume();
  try {
    await pipeline(request, socket, { signal });
  } catch (error) {
    if (signal.aborted || request.errored) throw cancelled('the upload was cut off', { cause: error });
  } finally {
    request.resume();
  }
}
