import type { Duplex, Readable, Writable } from 'node:stream';
import { after, deadlineExceeded } from '@gantry/rpc';
import type { Protocol } from '../protocols';
import type { CommandRequest } from '../requests';
import { SpdyConnection } from '../spdy/connection';
import type { SpdyStream } from '../spdy/stream';
import type { CommandStreams } from './serve';

type StreamType = 'error' | 'stdin' | 'stdout' | 'stderr' | 'resize';

/** What a client makes for a request: one stream of each of these types. */
export function expectedStreams(request: CommandRequest, protocol: Protocol): readonly StreamType[] {
  const asked = (['stdin', 'stdout', 'stderr'] as const).filter((type) => request[type]);
  return ['error', ...asked, ...(request.tty && protocol.resizes ? (['resize'] as const) : [])];
}

/** A connection whose client makes the streams of a command, in any order, each with a header that says which it is. */
export function acceptCommand(transport: Duplex, expected: readonly StreamType[]) {
  const streams = new Map<StreamType, SpdyStream>();
  let whole: () => void = () => undefined;
  const complete = new Promise<void>((resolve) => (whole = resolve));
  const connection = new SpdyConnection(transport, {
    streamLimit: expected.length,
    accept: (stream) => {
      const type = expected.find((each) => each === stream.headers.get('streamtype'));
      if (type === undefined || streams.has(type)) return false;
      streams.set(type, stream);
      if (type !== 'stdin' && type !== 'resize') stream.resume(); // the client has nothing to say there
      if (streams.size === expected.length) whole();
      return true;
    },
  });
  return {
    connection,
    /** Rejects with deadlineExceeded when the client does not make them in time. */
    streams: async (limitMs: number, signal: AbortSignal): Promise<CommandStreams> => {
      await within(limitMs, complete, signal);
      const of = <T extends StreamType>(type: T): SpdyStream | undefined => streams.get(type);
      const [stdin, stdout, stderr, resize, error] = [of('stdin'), of('stdout'), of('stderr'), of('resize'), of('error')];
      return commandStreams({ stdin, stdout, stderr, resize, error: error as Writable });
    },
  };
}

/** Leaves out what is not there. */
export function commandStreams(all: {
  readonly stdin: Readable | undefined;
  readonly stdout: Writable | undefined;
  readonly stderr: Writable | undefined;
  readonly resize: Readable | undefined;
  readonly error: Writable;
}): CommandStreams {
  return Object.fromEntries(Object.entries(all).filter(([, stream]) => stream !== undefined)) as unknown as CommandStreams;
}

async function within(limitMs: number, task: Promise<void>, signal: AbortSignal): Promise<void> {
  const late = deadlineExceeded('timed out waiting for client to create streams');
  let give: () => void = () => undefined;
  const given = new Promise<never>((_, reject) => (give = () => reject(late)));
  const timer = after(limitMs, give);
  signal.addEventListener('abort', give, { once: true });
  try {
    await Promise.race([task, given]);
  } finally {
    timer.cancel();
    signal.removeEventListener('abort', give);
  }
}
