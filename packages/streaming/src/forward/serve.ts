import type { Duplex, Writable } from 'node:stream';
import { errorText, type Logger } from '@gantry/rpc';
import type { ForwardRequest } from '../requests';
import type { StreamingRuntime } from '../runtime';
import { ClientClosedStream } from '../spdy/stream';

/** One connection to a port of the pod: its bytes, and where it is told what went wrong. */
export interface ForwardStreams {
  readonly port: number;
  readonly data: Duplex;
  readonly error: Writable;
}

export interface ForwardParts {
  readonly runtime: StreamingRuntime;
  readonly logger: Logger;
  readonly request: ForwardRequest;
  readonly signal: AbortSignal;
}

/** Carries it. Never rejects. */
export async function serveForward({ runtime, logger, request, signal }: ForwardParts, streams: ForwardStreams): Promise<void> {
  const { port, data, error } = streams;
  const { podSandboxId } = request;
  try {
    await runtime.portForward({ podSandboxId, port }, data, signal);
  } catch (cause) {
    const text = `error forwarding port ${port} to pod ${podSandboxId}, uid : ${errorText(cause)}`;
    logger.debug({ err: cause, pod: podSandboxId, port }, 'port-forward failed');
    // kubectl closes a connection's bytes as soon as their other end has no more, and takes a word on the error stream for the end of all connections.
    if (error.writable && !(data.errored instanceof ClientClosedStream)) error.end(text);
  }
  for (const stream of [error, data]) if (stream.writable) stream.end();
  data.resume(); // what the client still sends goes nowhere
}

/** Whether a port may be asked for by this request. */
export function portOf(text: string | undefined, request: ForwardRequest): number | undefined {
  if (text === undefined || !/^[0-9]{1,5}$/.test(text)) return undefined;
  const port = Number(text);
  const allowed = request.ports.length === 0 || request.ports.includes(port);
  return port >= 1 && port <= 65535 && allowed ? port : undefined;
}
