import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Exchange } from '../http/exchange';
import { closeWhenGone } from './gone';
import { holdUntilTaken } from './hold';

export const RAW_STREAM = 'application/vnd.docker.raw-stream';
export const MULTIPLEXED_STREAM = 'application/vnd.docker.multiplexed-stream';

/** Whether the client asked to leave HTTP by `Upgrade`, with or without the Connection header that should come with it. */
const upgrades = (x: Exchange): boolean => x.request.headers.upgrade !== undefined;

/** A terminal's bytes come as they are; the others in frames, which 1.42 calls by their own name. */
export function streamType(tty: boolean, x: Pick<Exchange, 'version'>): string {
  return !tty && x.version.atLeast('1.42') ? MULTIPLEXED_STREAM : RAW_STREAM;
}

/**
 * Ends HTTP on this connection and gives the raw socket: 101 to a client that asked with `Upgrade`, else 200 and bytes until the close, which go by their old
 * name whether they come in frames or not. The socket is paused; bytes that came early are its first.
 */
export function takeOver(x: Exchange, tty: boolean): Socket {
  if (!upgrades(x)) return leave(x, [`HTTP/1.1 200 ${STATUS_CODES[200]}`, `Content-Type: ${RAW_STREAM}`]);
  return leave(x, ['HTTP/1.1 101 UPGRADED', `Content-Type: ${streamType(tty, x)}`, 'Connection: Upgrade', 'Upgrade: tcp']);
}

/** The same with an answer of one's own. */
export function leave(x: Exchange, answer: readonly string[]): Socket {
  const lines = [...answer, ...ownHeaders(x)];
  const socket = detach(x);
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  holdUntilTaken(socket);
  return socket;
}

/** What every answer of ours says, as lines. */
export function ownHeaders(x: Exchange): string[] {
  return Object.entries(x.response.getHeaders()).map(([name, value]) => `${titleCase(name)}: ${String(value)}`);
}

/** The raw socket, before anything was answered; closed when its client is gone. */
export function detach(x: Exchange): Socket {
  const socket = release(x);
  closeWhenGone(socket);
  return socket;
}

/** The raw socket, paused, with nothing written to it and nobody who looks after it. */
export function release(x: Exchange): Socket {
  const socket = x.upgrade?.socket ?? (x.request.socket as Socket);
  if (x.upgrade !== undefined) x.response.detachSocket(socket);
  else leaveHttp(x, socket);
  socket.setTimeout(0);
  socket.setNoDelay?.(true);
  socket.pause();
  return socket;
}

/** A listener of ours makes Node hand the connection's bytes to JavaScript; then its parser's listeners are taken off. */
function leaveHttp(x: Exchange, socket: Socket): void {
  const own = (): void => undefined;
  socket.on('data', own);
  for (const event of ['data', 'end', 'drain', 'timeout', 'error'] as const) socket.removeAllListeners(event);
  x.response.detachSocket(socket);
}

function titleCase(name: string): string {
  return name.replace(/(^|-)[a-z]/g, (c) => c.toUpperCase());
}
