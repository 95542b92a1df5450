import type { Duplex, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { openTicket, type StreamTicket } from '@gantry/rpc';

/** Writes a ticket's bytes to a hijacked client, which stays open for more. */
export async function copyTicket(ticket: StreamTicket, client: Duplex, signal: AbortSignal, through?: Transform): Promise<void> {
  const source = await openTicket(ticket, { signal });
  source.end();
  if (through === undefined) await pipeline(source, client, { end: false, signal });
  else await pipeline(source, through, client, { end: false, signal });
}
