import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { type Duplex } from 'node:stream';
import { invalidArgument } from '@gantry/rpc';
import { createWebSocketStream, type ServerOptions, WebSocketServer } from 'ws';

/** Longest message that a client may send, bytes; terminals send a few. */
const MESSAGE_LIMIT = 1024 * 1024;

/** Looks at a request before it is answered. Errors: invalidArgument when it is no WebSocket handshake of version 13 (RFC 6455, 4.2.1). */
export function checkHandshake(request: IncomingMessage): void {
  const key = request.headers['sec-websocket-key'];
  if (
    request.headers.upgrade?.toLowerCase() !== 'websocket' ||
    request.headers['sec-websocket-version'] !== '13' ||
    key === undefined ||
    Buffer.from(key, 'base64').length !== 16
  ) {
    throw invalidArgument('not a websocket handshake of version 13');
  }
}

/** What a client gets to say goodbye, milliseconds. */
const CLOSE_MS = 2000;
const NORMAL = 1000;

// @types/ws does not know closeTimeout yet.
const options: ServerOptions & { readonly closeTimeout: number } = {
  noServer: true,
  perMessageDeflate: false,
  clientTracking: false,
  maxPayload: MESSAGE_LIMIT,
  closeTimeout: CLOSE_MS,
};
const server = new WebSocketServer(options);

export interface Handshake {
  /** Lines of the answer beside the handshake's own. */
  readonly headers: readonly string[];
  /** The form of the messages to the client. */
  readonly messages: 'binary' | 'text';
}

/** Answers a handshake that was checked, and gives the server's end as a stream of bytes: writes become messages, and the payload of every message is read. */
export function acceptWebSocket(request: IncomingMessage, socket: Socket, { headers, messages }: Handshake): Duplex {
  let stream: Duplex | undefined;
  request.headers.connection ??= 'Upgrade';
  const add = (lines: string[]): void => void lines.push(...headers);
  server.once('headers', add);
  server.handleUpgrade(request, socket, Buffer.alloc(0), (client) => {
    const close = client.close.bind(client);
    client.close = (code = NORMAL, reason) => close(code, reason); // a stream that ends would give no code
    if (messages === 'text') {
      const send = client.send.bind(client);
      client.send = (data: string | Buffer, sent?: unknown) => send(data, { binary: false }, sent as (error?: Error) => void);
    }
    stream = createWebSocketStream(client, { allowHalfOpen: true });
    socket.resume();
  });
  server.off('headers', add);
  if (stream === undefined) throw invalidArgument('not a websocket handshake of version 13');
  return stream;
}
