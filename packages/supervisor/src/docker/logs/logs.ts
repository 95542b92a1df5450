import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import type { LogsRequest, LogsResponse } from '@gantry/api/gantry/engine/v1/containers';
import { blockHead, type CallContext, invalidArgument, notImplemented, type StreamTicket } from '@gantry/rpc';
import { parseSecondsNanos } from '../../core/events/clock';
import { logPath, type Uses } from '../engine';
import { isRunning } from '../../core/phases';
import type { PluginReader } from './drivers/plugin/read';
import { isReadable } from './log-config';
import { type LogPlace, markOf, placeOf } from './place';
import { type LogBlock, readBlocks, readLog } from './read';

type Needs = Uses<{
  settings: 'dataRoot';
  records: 'requireDocker';
  broker: 'offer';
  life: 'onExit' | 'onRemoved';
  forwarders: 'readerOf';
}>;

type Query = Omit<LogsRequest, 'id' | 'marked' | 'behind'> & Partial<Pick<LogsRequest, 'marked' | 'behind'>>;

/** GET /containers/{id}/logs. The bytes go over a ticket: frames, or the raw output of a terminal; in marked blocks where the caller wants them, and the lines are ours. */
export async function containerLogs(engine: Needs, _ctx: CallContext, request: LogsRequest): Promise<LogsResponse> {
  const { id, docker } = engine.records.requireDocker(request.id);
  if (!request.stdout && !request.stderr) throw invalidArgument('Bad parameters: you must choose at least one stream');
  const kept = await engine.forwarders.readerOf(id);
  if (kept === undefined && !isReadable(docker.hostConfig?.LogConfig))
    throw notImplemented('configured logging driver does not support reading');
  const marked = request.marked && kept === undefined;
  return { ticket: offerLogs(engine, id, { ...request, marked }, kept), tty: docker.config?.Tty ?? false, marked };
}

/** A ticket that yields the log. Times are checked now, so that the caller gets the error. */
export function offerLogs(engine: Omit<Needs, 'forwarders'>, id: string, query: Query, kept?: PluginReader): StreamTicket {
  const since = time(query.since, 'since');
  const until = time(query.until, 'until');
  const behind = placeOf(query.behind ?? Buffer.alloc(0));
  const { docker } = engine.records.requireDocker(id);
  const tty = docker.config?.Tty ?? false;
  const over = Promise.withResolvers<void>();
  // Subscribed before the reader opens the file: an end in between is not missed.
  const stops = [engine.life.onExit(id, () => over.resolve()), engine.life.onRemoved(id, () => over.resolve())];
  const stop = (): void => stops.forEach((end) => end());
  if (!isRunning(docker)) over.resolve();

  return engine.broker.offer(async (socket) => {
    const gone = new AbortController();
    socket.once('close', () => gone.abort());
    socket.on('error', () => gone.abort());
    socket.resume(); // nothing is read from the other side but its end
    try {
      const form = { stdout: query.stdout, stderr: query.stderr, timestamps: query.timestamps, details: query.details, tty, since, until };
      const follow = query.follow ? { follow: over.promise } : {};
      const asked = { tail: Number(query.tail), signal: gone.signal };
      if (query.marked === true) {
        const begins = (place?: LogPlace): void => void socket.write(blockHead(markOf(place), 0));
        for await (const block of readBlocks(logPath(engine, id), form, { ...asked, ...follow, behind, begins }))
          await sendBlock(socket, block, gone.signal);
      } else {
        const lines = kept?.(form, { ...asked, follow: query.follow }) ?? readLog(logPath(engine, id), form, { ...asked, ...follow });
        for await (const frames of lines) await send(socket, frames, gone.signal);
      }
      socket.end();
    } finally {
      stop();
    }
  }, stop);
}

function time(text: string, name: string): bigint | undefined {
  try {
    const value = parseSecondsNanos(text);
    return value === 0n ? undefined : value;
  } catch (error) {
    throw invalidArgument(`invalid value for "${name}": ${(error as Error).message}`);
  }
}

async function send(socket: Duplex, bytes: Buffer, signal: AbortSignal): Promise<void> {
  if (!socket.write(bytes) && !signal.aborted) await once(socket, 'drain', { signal }).catch(() => undefined);
}

async function sendBlock(socket: Duplex, { frames, place }: LogBlock, signal: AbortSignal): Promise<void> {
  const length = frames.reduce((sum, bytes) => sum + bytes.length, 0);
  for (const bytes of [blockHead(markOf(place), length), ...frames]) await send(socket, bytes, signal);
}
