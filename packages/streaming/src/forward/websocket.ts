import type { WebSocket } from 'ws';
import type { Protocol } from '../protocols';
import { ChannelConnection } from '../websocket/channels';
import { type ForwardParts, serveForward } from './serve';

/** Ports of one request: a channel's number is a byte. */
export const PORT_LIMIT = 127;

/** Two channels for each port of the request, in their order: its bytes, its errors. Each begins with the port, two bytes, the lower one first. */
export async function serveForwardChannels(socket: WebSocket, parts: ForwardParts, protocol: Protocol): Promise<void> {
  const { ports } = parts.request;
  const connection = new ChannelConnection(socket, { count: ports.length * 2, base64: protocol.base64, closes: false });
  await Promise.all(
    ports.map((port, index) => {
      const [data, error] = [connection.channel(index * 2), connection.channel(index * 2 + 1)];
      error.resume(); // the client has nothing to say there
      const head = Buffer.alloc(2);
      head.writeUInt16LE(port);
      for (const each of [data, error]) each.write(head);
      return serveForward(parts, { port, data, error });
    }),
  );
  connection.close();
  await connection.closed;
}
