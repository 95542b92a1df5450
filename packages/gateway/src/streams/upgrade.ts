import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { bringTicket, invalidArgument, openTicket, type StreamTicket } from '@gantry/rpc';
import type { Exchange } from '../http/exchange';
import { release } from './hijack';

/** The upgrade to HTTP/2 that BuildKit's clients ask for. Throws invalidArgument for another one, or none. */
export function checkUpgrade(x: Exchange): void {
  const protocol = x.request.headers.upgrade;
  if (protocol === undefined) throw invalidArgument('no upgrade proto in request');
  if (protocol !== 'h2c') throw invalidArgument(`protocol ${protocol} not supported`);
}

const ANSWER = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n';

/** Leaves HTTP/1 and joins the client with a peer until either is gone: bytes pass as they are. */
export async function joinUpgraded(x: Exchange, peer: Duplex): Promise<void> {
  const client = switched(x);
  peer.on('error', () => undefined); // close follows
  client.pipe(peer);
  peer.pipe(client);
  client.once('close', () => peer.destroy());
  peer.once('close', () => client.destroySoon());
  await Promise.all(
    [client, peer].map((stream) => new Promise((resolve) => (stream.closed ? resolve(undefined) : stream.once('close', resolve)))),
  );
}

/** Leaves HTTP/1 and brings the client to a ticket: the connection itself, where that is of this process. */
export async function bringUpgraded(x: Exchange, ticket: StreamTicket): Promise<void> {
  const brought = bringTicket(ticket, () => switched(x));
  if (brought === undefined) return joinUpgraded(x, await openTicket(ticket, { signal: x.ctx.signal }));
  await brought.catch(() => undefined); // who made the ticket tells of it; the client sees its connection end
}

function switched(x: Exchange): Socket {
  const client = release(x);
  client.on('error', () => undefined); // close follows
  client.write(ANSWER);
  return client;
}
