import type { ServerResponse } from 'node:http';
import {
  cancelled,
  drained,
  internal,
  markedBlocks,
  type MarkedBlock,
  openTicket,
  type StreamTicket,
  ticketOutcome,
  unavailable,
} from '@gantry/rpc';
import type { EngineClients } from '../engine/engine';
import type { Exchange } from '../http/exchange';
import { carryOn } from './carry-on';

export interface MarkedDownload {
  readonly first: StreamTicket;
  readonly headers: Record<string, string>;
  /** Asks for what follows a mark; undefined when nothing does. */
  readonly again: (mark: Buffer) => Promise<StreamTicket | undefined>;
}

/**
 * As download, of a ticket whose bytes come in marked blocks: when the supervisor dies on the way the client's answer goes on behind the last block that was whole,
 * as soon as there is another one.
 */
export async function markedDownload(x: Exchange, engine: Pick<EngineClients, 'ready'>, from: MarkedDownload): Promise<void> {
  const { response } = x;
  let next: StreamTicket | undefined = from.first;
  let last: Buffer | undefined;
  const ask = async function* (): AsyncGenerator<MarkedBlock> {
    if (next === undefined && last?.length === 0) throw internal('a stream that was cut cannot be gone on with: it has no mark');
    const ticket: StreamTicket | undefined = next ?? (await from.again(last ?? Buffer.alloc(0)));
    next = undefined;
    if (ticket === undefined) return;
    const socket = await openTicket(ticket, { signal: x.ctx.signal });
    if (!response.headersSent) {
      response.writeHead(200, from.headers);
      response.flushHeaders();
    }
    socket.end(); // nothing goes up
    try {
      yield* markedBlocks(socket as AsyncIterable<Buffer>);
    } catch (cause) {
      await ticketOutcome(ticket); // it may tell what went wrong there
      throw unavailable('the engine went away under a stream', { cause });
    }
    await ticketOutcome(ticket);
  };
  try {
    for await (const { mark, pieces } of carryOn(x, engine, ask)) {
      await write(response, pieces);
      last = mark;
    }
  } catch (error) {
    const gone = response.destroyed;
    response.destroy();
    throw gone ? cancelled('the client went away', { cause: error }) : error;
  }
  response.end();
}

async function write(response: ServerResponse, pieces: readonly Buffer[]): Promise<void> {
  for (const piece of pieces) if (!response.write(piece)) await drained(response);
  if (response.destroyed) throw cancelled('the client is gone');
}
