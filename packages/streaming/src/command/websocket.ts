import type { WebSocket } from 'ws';
import type { Protocol } from '../protocols';
import type { CommandRequest } from '../requests';
import { ChannelConnection } from '../websocket/channels';
import type { CommandStreams } from './serve';
import { commandStreams } from './spdy';

/** Numbers of the channels, in every version. */
const CHANNEL = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4 } as const;

export function acceptCommandChannels(socket: WebSocket, request: CommandRequest, protocol: Protocol) {
  const connection = new ChannelConnection(socket, {
    count: Object.keys(CHANNEL).length,
    base64: protocol.base64,
    closes: protocol.closes,
  });
  const of = (type: keyof typeof CHANNEL) => connection.channel(CHANNEL[type]);
  const wanted = (type: 'stdin' | 'stdout' | 'stderr') => (request[type] ? of(type) : undefined);
  // The client has nothing to say there, or on channels that nobody asked for.
  for (const type of ['stdin', 'stdout', 'stderr', 'error', 'resize'] as const)
    if (!(type === 'stdin' && request.stdin) && !(type === 'resize' && request.tty)) of(type).resume();
  const streams: CommandStreams = commandStreams({
    stdin: wanted('stdin'),
    stdout: wanted('stdout'),
    stderr: wanted('stderr'),
    resize: request.tty ? of('resize') : undefined,
    error: of('error'),
  });
  // An empty message on the first channel that is written tells the client that it is connected.
  const first = request.stdout ? CHANNEL.stdout : request.stderr ? CHANNEL.stderr : CHANNEL.error;
  connection.send(first, Buffer.alloc(0), () => undefined);
  return { connection, streams };
}
