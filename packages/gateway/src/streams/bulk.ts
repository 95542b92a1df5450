import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { Duplex } from 'node:stream';
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

async function pipe(socket: Duplex, response: ServerResponse): Promise<void> {
  socket.end(); // nothing goes up
  try {
    await pipeline(socket, response);
  } catch (error) {
    throw response.destroyed ? cancelled('the client went away', { cause: error }) : error;
  }
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
