import type { Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { openTicket, type StreamTicket } from '@gantry/rpc';

/** Writes a ticket's bytes to a hijacked client, which stays open for more. */
export async function copyTicket(ticket: StreamTicket, client: Socket, signal: AbortSignal): Promise<void> {
  const source = await openTicket(ticket, { signal });
  source.end();
  await pipeline(source, client, { end: false, signal });
}
