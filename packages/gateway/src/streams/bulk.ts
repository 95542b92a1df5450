import type { IncomingMessage } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { cancelled, internal, openTicket, type StreamTicket, ticketOutcome } from '@gantry/rpc';
import type { Exchange } from '../http/exchange';

export function needTicket(ticket: StreamTicket | undefined, what: string): StreamTicket {
  if (ticket === undefined) throw internal(`the engine handed over no stream for ${what}`);
  return ticket;
}

/**
 * Pipes a ticket's bytes into the answer, with back-pressure; the status is sent before the first byte. Rejects when the client goes away. When the
 * engine fails on the way the answer is cut, so that no client takes the part for the whole.
 */
export async function download(x: Exchange, ticket: StreamTicket, headers: Record<string, string>): Promise<void> {
  const socket = await openTicket(ticket, { signal: x.ctx.signal });
  x.response.writeHead(200, headers);
  x.response.flushHeaders();
  socket.end(); // nothing goes up
  try {
    await pipeline(socket, x.response, { end: false });
    await ticketOutcome(ticket);
  } catch (error) {
    const gone = x.response.destroyed;
    x.response.destroy();
    throw gone ? cancelled('the client went away', { cause: error }) : error;
  }
  x.response.end();
}

/** Time for a cancelled call to reach the engine before its stream ends, milliseconds: a cut upload must not look like a whole one. */
const CUT_MS = 500;

export interface Upload {
  /** Ends the upload: the engine has all it wants of it. What the client still sends is read and dropped. */
  finish(): void;
}

/** Pipes a request's body into a ticket with back-pressure. How the engine likes it is told by the call that handed the ticket over. */
export async function upload(request: IncomingMessage, ticket: StreamTicket, signal: AbortSignal): Promise<Upload> {
  const socket = await openTicket(ticket, { signal });
  socket.on('error', () => undefined); // the engine closed early
  socket.resume();
  request.once('close', () => {
    if (!request.complete) setTimeout(() => socket.destroy(), CUT_MS).unref();
  });
  socket.once('close', () => request.resume());
  request.pipe(socket);
  return {
    finish() {
      request.unpipe(socket);
      request.resume();
      socket.destroy();
    },
  };
}
