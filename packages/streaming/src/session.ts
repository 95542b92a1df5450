import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { isErrorOf, type Logger } from '@gantry/rpc';
import { createWebSocketStream, type WebSocket } from 'ws';
import { serveCommand } from './command/serve';
import { acceptCommand, expectedStreams } from './command/spdy';
import { acceptCommandChannels } from './command/websocket';
import type { ForwardParts } from './forward/serve';
import { acceptForwards } from './forward/spdy';
import { serveForwardChannels } from './forward/websocket';
import { acceptSpdy, type Upgrade } from './http';
import type { Protocol } from './protocols';
import type { ForwardRequest, StreamingRequest } from './requests';
import type { StreamingRuntime } from './runtime';
import { acceptWebSocket } from './websocket/accept';

/** What a client gets to close after everything was sent, milliseconds. */
const LINGER_MS = 5000;

export interface SessionParts {
  readonly runtime: StreamingRuntime;
  readonly logger: Logger;
  /** Milliseconds in which a client makes all its streams. */
  readonly creationMs: number;
}

/** Serves one accepted client to its end. Never rejects. `gone` is aborted here when the client goes. */
export async function serveSession(
  parts: SessionParts,
  client: { readonly request: IncomingMessage; readonly socket: Duplex; readonly head: Buffer },
  wish: { readonly request: StreamingRequest; readonly upgrade: Upgrade },
): Promise<void> {
  const { request, socket, head } = client;
  const { protocol } = wish.upgrade;
  const gone = new AbortController();
  socket.on('error', () => undefined); // 'close' follows
  socket.once('close', () => gone.abort(new Error('the client is gone')));
  try {
    if (wish.upgrade.over === 'spdy') {
      acceptSpdy(socket, protocol);
      if (head.length > 0) socket.unshift(head);
      await serveSpdy(parts, socket, wish.request, protocol, gone);
      return;
    }
    const websocket = acceptWebSocket(request, socket, head, protocol.name);
    if (websocket === undefined) return; // refused as no handshake, with an answer
    if (protocol.tunnel) await serveTunnel(parts, websocket, wish.request, protocol, gone);
    else await serveWebSocket(parts, websocket, wish.request, protocol, gone.signal);
  } catch (error) {
    const late = isErrorOf(error, 'deadlineExceeded');
    parts.logger[late ? 'debug' : 'warn']({ err: error, verb: wish.request.verb }, 'a streaming connection failed');
    socket.destroy();
  }
}

async function serveSpdy(
  parts: SessionParts,
  transport: Duplex,
  request: StreamingRequest,
  protocol: Protocol,
  gone: AbortController,
): Promise<void> {
  const { signal } = gone;
  if (request.verb === 'portforward') {
    const connection = acceptForwards(transport, forwardParts(parts, request, signal), parts.creationMs);
    leave(parts, gone, await connection.serve());
  } else {
    const { connection, streams } = acceptCommand(transport, expectedStreams(request, protocol));
    const served = connection.serve().then((error) => leave(parts, gone, error));
    await serveCommand(parts, { request, streams: await streams(parts.creationMs, signal), status: protocol.status, signal });
    await farewell(transport, served);
  }
  transport.destroy();
}

/** A connection that ended: whoever serves it hears, and it is said why if it was no client's going. */
function leave({ logger }: SessionParts, gone: AbortController, error: Error | undefined): void {
  if (error !== undefined && !gone.signal.aborted) logger.debug({ err: error }, 'a streaming client was cut off');
  gone.abort(error ?? new Error('the client is gone'));
}

/** Nothing more goes out. What still comes in is read: closing with unread input would reset the connection under the client's last bytes. */
async function farewell(transport: Duplex, served: Promise<void>): Promise<void> {
  transport.end();
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([served, new Promise<void>((resolve) => (timer = setTimeout(resolve, LINGER_MS)))]);
  clearTimeout(timer);
}

async function serveTunnel(
  parts: SessionParts,
  websocket: WebSocket,
  request: StreamingRequest,
  protocol: Protocol,
  gone: AbortController,
): Promise<void> {
  const transport = createWebSocketStream(websocket);
  transport.on('error', () => undefined); // 'close' follows
  transport.once('close', () => gone.abort(new Error('the client is gone')));
  await serveSpdy(parts, transport, request, protocol, gone);
}

async function serveWebSocket(
  parts: SessionParts,
  websocket: WebSocket,
  request: StreamingRequest,
  protocol: Protocol,
  signal: AbortSignal,
): Promise<void> {
  if (request.verb === 'portforward') return serveForwardChannels(websocket, forwardParts(parts, request, signal), protocol);
  const { connection, streams } = acceptCommandChannels(websocket, request, protocol);
  await serveCommand(parts, { request, streams, status: protocol.status, signal });
  connection.close();
  await connection.closed;
}

function forwardParts({ runtime, logger }: SessionParts, request: ForwardRequest, signal: AbortSignal): ForwardParts {
  return { runtime, logger, request, signal };
}
