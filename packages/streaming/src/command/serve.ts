import type { Readable, Writable } from 'node:stream';
import type { Logger } from '@gantry/rpc';
import type { ProcessStreams, StreamingRuntime } from '../runtime';
import type { CommandRequest } from '../requests';
import { resizesOf } from './resizes';
import { failed, type Outcome, statusOf, textOf } from './status';

/** A client's streams, however they came. */
export interface CommandStreams {
  readonly stdin?: Readable;
  readonly stdout?: Writable;
  readonly stderr?: Writable;
  readonly resize?: Readable;
  /** Says how it ended. */
  readonly error: Writable;
}

/** Runs a request's command, or attaches, and tells the client how it ended: in the API's words (version 4 and later), or as text. */
export async function serveCommand(
  { runtime, logger }: { readonly runtime: StreamingRuntime; readonly logger: Logger },
  { request, streams, status, signal }: { request: CommandRequest; streams: CommandStreams; status: boolean; signal: AbortSignal },
): Promise<void> {
  const { stdin, stdout, stderr } = streams;
  const given: ProcessStreams = {
    ...(stdin === undefined ? {} : { stdin }),
    ...(stdout === undefined ? {} : { stdout }),
    ...(stderr === undefined ? {} : { stderr }),
    resizes: resizesOf(streams.resize),
  };
  const outcome = await outcomeOf(runtime, request, given, signal);
  if ('failure' in outcome) logger.debug({ verb: request.verb, container: request.containerId }, outcome.failure);
  stdin?.destroy();
  await Promise.all([stdout, stderr].map((stream) => ended(stream)));
  const command = request.verb === 'exec' ? request.command : [];
  await ended(streams.error, status ? JSON.stringify(statusOf(outcome, command)) : textOf(outcome, command));
}

async function outcomeOf(
  runtime: StreamingRuntime,
  request: CommandRequest,
  streams: ProcessStreams,
  signal: AbortSignal,
): Promise<Outcome> {
  try {
    if (request.verb === 'exec') return { exitCode: await runtime.exec(request, streams, signal) };
    await runtime.attach(request, streams, signal);
    return { exitCode: 0 };
  } catch (error) {
    return failed(request.verb === 'exec' ? 'error executing command in container' : 'error attaching to container', error);
  }
}

/** Ends a stream; resolves when all of it was sent, or nobody is there to get it. */
function ended(stream: Writable | undefined, last = ''): Promise<void> {
  return new Promise((resolve) => {
    if (stream === undefined || stream.destroyed || stream.writableFinished) return resolve();
    stream.once('close', resolve);
    stream.once('finish', resolve);
    if (!stream.writableEnded) stream.end(last);
  });
}
