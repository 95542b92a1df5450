import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';

/** Longest message that a client may send, bytes; kubectl's have 32 KiB. */
const MESSAGE_LIMIT = 4 * 1024 * 1024;
/** What a client gets to say goodbye, milliseconds. */
const CLOSE_MS = 2000;

// @types/ws does not know closeTimeout yet.
const options = {
  noServer: true,
  perMessageDeflate: false,
  clientTracking: false,
  maxPayload: MESSAGE_LIMIT,
  closeTimeout: CLOSE_MS,
} as const;
const server = new WebSocketServer(options);

/**
 * Answers a handshake with a protocol that was chosen before, '' for none; undefined when it is no handshake: it is answered then, too. The
 * library is not told of protocols, as it takes no name with a slash, which kubectl's for its tunnel has.
 */
export function acceptWebSocket(request: IncomingMessage, socket: Duplex, head: Buffer, protocol: string): WebSocket | undefined {
  delete request.headers['sec-websocket-protocol'];
  let accepted: WebSocket | undefined;
  const answer = (lines: string[]): void => void (protocol === '' || lines.push(`Sec-WebSocket-Protocol: ${protocol}`));
  server.once('headers', answer);
  server.handleUpgrade(request, socket, head, (client) => {
    accepted = client;
  });
  server.off('headers', answer);
  return accepted;
}
