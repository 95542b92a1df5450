import type { Duplex } from 'node:stream';
import { after, type Timer } from '@gantry/rpc';
import { SpdyConnection } from '../spdy/connection';
import type { SpdyStream } from '../spdy/stream';
import { type ForwardParts, portOf, serveForward } from './serve';

/** Streams that a client may have open at a time: two for each connection. */
const STREAM_LIMIT = 1024;

interface Half {
  readonly type: 'data' | 'error';
  readonly port: number;
  readonly stream: SpdyStream;
  readonly timer: Timer;
}

/** A connection whose client makes two streams for each connection to a port, told to belong together by a number. */
export function acceptForwards(transport: Duplex, parts: ForwardParts, pairMs: number): SpdyConnection {
  const halves = new Map<string, Half>();
  const accept = (stream: SpdyStream): boolean => {
    const type = stream.headers.get('streamtype');
    const port = portOf(stream.headers.get('port'), parts.request);
    if ((type !== 'data' && type !== 'error') || port === undefined) return false;
    const key = pairOf(stream, type);
    const other = halves.get(key);
    if (type === 'error') stream.resume(); // the client has nothing to say there
    if (other === undefined) {
      const timer = after(pairMs, () => {
        halves.delete(key);
        stream.destroy();
      });
      halves.set(key, { type, port, stream, timer });
      stream.once('close', () => {
        timer.cancel();
        if (halves.get(key)?.stream === stream) halves.delete(key);
      });
      return true;
    }
    if (other.type === type || other.port !== port) return false;
    other.timer.cancel();
    halves.delete(key);
    const [data, error] = type === 'data' ? [stream, other.stream] : [other.stream, stream];
    // Behind the answer that opens the stream.
    setImmediate(() => void serveForward(parts, { port, data, error }));
    return true;
  };
  return new SpdyConnection(transport, { streamLimit: STREAM_LIMIT, accept });
}

/** Clients without numbers (before 1.2) make the error stream first, and the data stream next. */
function pairOf(stream: SpdyStream, type: 'data' | 'error'): string {
  return stream.headers.get('requestid') ?? `stream ${type === 'error' ? stream.id : stream.id - 2}`;
}
