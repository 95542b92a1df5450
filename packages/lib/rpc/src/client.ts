import { setMaxListeners } from 'node:events';
import type { Duplex, Readable } from 'node:stream';
import { Client, ChannelCredentials, connectivityState, type ServiceDefinition } from '@grpc/grpc-js';
import { type CallContext, toMetadata } from './context';
import { asGantryError, cancelled, unavailable } from './errors';
import { FARTHEST_MS } from './far-deadlines';
import { callLocally, isServedHere, localServer, type NearMethod, streamLocally } from './local-calls';
import { readMessages } from './readable-messages';
import { MAX_MESSAGE_BYTES } from './message-limit';
import type { CallOptions, ResponseStream, ServiceClient } from './service-shape';
import { checkSocketPath } from './short-socket';
import { fromServiceError } from './status';
import { grpcJsTransport } from './transport/grpc-js';
import { openSession, sessionTransport } from './transport/over-stream';
import type { Cancellable, Method, Outgoing, Transport } from './transport/transport';
import { sender } from './write-messages';

/** One connection to a service's socket, made on the first call and made again whenever it breaks. */
export interface Connection {
  readonly socketPath: string;
  /** Typed methods of one service; cheap, all clients of a connection share it. */
  client<D extends ServiceDefinition>(definition: D): ServiceClient<D>;
  /** Resolves when the server answers; rejects with unavailable after `timeoutMs`. */
  ready(timeoutMs: number): Promise<void>;
  /** The server is there; for health reports only, never to decide whether to call. */
  readonly established: boolean;
  /**
   * Resolves when the connection to a server that died is noticed to be gone, at once where none is; a call before that would meet the dying connection,
   * and nobody could tell how far it came. Rejects with unavailable after `timeoutMs`.
   */
  lost(timeoutMs: number): Promise<void>;
  /** The grpc-js client below, for pass-through. */
  readonly raw: Client;
  /** The method by its path, where a server of this process serves it and calls may go to it without the socket. */
  nearby(path: string): NearMethod | undefined;
  close(): void;
}

export interface ConnectOptions {
  /** What calls without options of their own get. */
  readonly defaults?: CallOptions;
  /** Whether a server of this process is called without its socket (ADR 0195). Default true. */
  readonly local?: boolean;
}

export function connect(socketPath: string, options: ConnectOptions = {}): Connection {
  const raw = new Client(`unix:${checkSocketPath(socketPath)}`, ChannelCredentials.createInsecure(), {
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
    'grpc-node.flow_control_window': 1024 * 1024,
    'grpc.initial_reconnect_backoff_ms': 50,
    'grpc.max_reconnect_backoff_ms': 500,
    // grpc-js shares connections between clients of one target by default; a connection closed here must be closed.
    'grpc.use_local_subchannel_pool': 1,
    // Without a policy only calls that no server has begun are sent again: those that met a connection just as it closed.
    'grpc.enable_retries': 1,
    'grpc.default_authority': 'localhost',
  });
  const transport = grpcJsTransport(raw);
  const near = options.local !== false;
  let open = true;
  const nearby = (path: string): NearMethod | undefined => (near && open ? localServer(socketPath, path) : undefined);
  return {
    socketPath,
    raw,
    nearby,
    client: (definition) => makeClient({ transport, nearby }, definition, options.defaults ?? {}),
    get established() {
      return (near && open && isServedHere(socketPath)) || raw.getChannel().getConnectivityState(false) === connectivityState.READY;
    },
    ready: (timeoutMs) =>
      new Promise((resolve, reject) => {
        raw.waitForReady(Date.now() + timeoutMs, (error) =>
          error === undefined ? resolve() : reject(unavailable(`nobody answers on ${socketPath} within ${timeoutMs} ms`, { cause: error })),
        );
      }),
    async lost(timeoutMs) {
      const channel = raw.getChannel();
      const deadline = Date.now() + timeoutMs;
      while (channel.getConnectivityState(false) === connectivityState.READY)
        await new Promise<void>((resolve, reject) =>
          channel.watchConnectivityState(connectivityState.READY, deadline, (error) =>
            error === undefined
              ? resolve()
              : reject(unavailable(`the connection to ${socketPath} stands after ${timeoutMs} ms`, { cause: error })),
          ),
        );
    },
    close: () => {
      open = false;
      raw.close();
    },
  };
}

/** gRPC over one stream that somebody else connected; it ends with the stream, and is not made again. */
export interface StreamConnection {
  /** Typed methods of one service that the other side serves. */
  client<D extends ServiceDefinition>(definition: D): ServiceClient<D>;
  /** Settles when the stream has ended, for whatever reason. Never rejects. */
  readonly closed: Promise<void>;
  /** Lets the calls that run end, then closes the stream. */
  close(): void;
}

/** Speaks gRPC, as the client, over a stream: a hijacked HTTP connection, a socket pair, a tunnel. */
export function connectStream(stream: Duplex, defaults: CallOptions = {}): StreamConnection {
  const session = openSession(stream);
  const transport = sessionTransport(session);
  return {
    client: (definition) => makeClient({ transport, nearby: () => undefined }, definition, defaults),
    closed: new Promise((resolve) => session.once('close', resolve)),
    close: () => session.close(),
  };
}

/** How calls leave, and the way without that to a server of this process. */
interface Ways {
  readonly transport: Transport;
  readonly nearby: (path: string) => NearMethod | undefined;
}
type Start = { readonly transport: Transport; readonly method: Method; readonly ctx: CallContext; readonly options: CallOptions };

function makeClient<D extends ServiceDefinition>({ transport, nearby }: Ways, definition: D, defaults: CallOptions): ServiceClient<D> {
  const entries = Object.keys(definition).map((name) => {
    const method = definition[name] as Method;
    const call = (ctx: CallContext, input: unknown, options: CallOptions = {}): unknown => {
      const start: Start = { transport, method, ctx, options: { ...defaults, ...options } };
      if (method.requestStream)
        return method.responseStream ? bidi(start, input as AsyncIterable<unknown>) : clientStream(start, input as AsyncIterable<unknown>);
      const here = nearby(method.path);
      if (here === undefined) return method.responseStream ? serverStream(start, input) : unary(start, input);
      const local = { ...here, ctx, options: start.options };
      try {
        ctx.signal.throwIfAborted();
        return method.responseStream ? streamLocally(local, input) : callLocally(local, input);
      } catch (thrown) {
        const error = asGantryError(thrown);
        return method.responseStream ? failedStream(error) : Promise.reject(error);
      }
    };
    return [name, call];
  });
  return Object.fromEntries(entries) as ServiceClient<D>;
}

function outgoing({ method, ctx, options }: Start): Outgoing {
  const deadline = Math.min(ctx.deadline ?? Infinity, options.timeoutMs === undefined ? Infinity : Date.now() + options.timeoutMs);
  const metadata = toMetadata(ctx, options.waitForReady);
  for (const [key, values] of Object.entries(options.metadata ?? {})) for (const value of values) metadata.add(key, value);
  return { method, metadata, ...(deadline - Date.now() < FARTHEST_MS ? { deadline } : {}) };
}

/** Cancels the call when the context ends. The returned function stops watching. */
function tie(signal: AbortSignal, call: { cancel(): void }): () => void {
  const abort = (): void => call.cancel();
  setMaxListeners(0, signal);
  signal.addEventListener('abort', abort, { once: true });
  return () => signal.removeEventListener('abort', abort);
}

/** A failed call of an ended context fails with the context's reason, which says more than "cancelled on client". */
function failureOf(error: unknown, signal: AbortSignal): Error {
  return signal.aborted ? asGantryError(signal.reason) : fromServiceError(error);
}

function endedBefore(signal: AbortSignal): Error | undefined {
  return signal.aborted ? asGantryError(signal.reason) : undefined;
}

function unary(start: Start, request: unknown): Promise<unknown> {
  const { transport, ctx } = start;
  return new Promise((resolve, reject) => {
    const ended = endedBefore(ctx.signal);
    if (ended !== undefined) return reject(ended);
    let untie = (): void => undefined;
    const call = transport.unary(outgoing(start), request, (error, response) => {
      untie();
      if (error === null) resolve(response);
      else reject(failureOf(error, ctx.signal));
    });
    untie = tie(ctx.signal, call);
  });
}

async function clientStream(start: Start, requests: AsyncIterable<unknown>): Promise<unknown> {
  const { transport, ctx } = start;
  ctx.signal.throwIfAborted();
  const over = new AbortController();
  const result = Promise.withResolvers<unknown>();
  const call = transport.clientStream(outgoing(start), (error, response) => {
    untie();
    over.abort(error);
    if (error === null) result.resolve(response);
    else result.reject(failureOf(error, ctx.signal));
  });
  const untie = tie(ctx.signal, call);
  pump(requests, call, over.signal).catch((error: unknown) => {
    result.reject(asGantryError(error)); // the source failed: that is the reason, the cancelled call only follows
    call.cancel();
  });
  return result.promise;
}

function serverStream(start: Start, request: unknown): ResponseStream<unknown> {
  const { transport, ctx } = start;
  const ended = endedBefore(ctx.signal);
  if (ended !== undefined) return failedStream(ended);
  const call = transport.serverStream(outgoing(start), request);
  return responses(call, ctx.signal, tie(ctx.signal, call));
}

function bidi(start: Start, requests: AsyncIterable<unknown>): ResponseStream<unknown> {
  const { transport, method, ctx } = start;
  const ended = endedBefore(ctx.signal);
  if (ended !== undefined) return failedStream(ended);
  const call = transport.bidi(outgoing(start));
  const over = new AbortController();
  call.on('status', () => over.abort(cancelled(`${method.path} is over`)));
  pump(requests, call, over.signal).catch((error: unknown) => call.destroy(asGantryError(error)));
  return responses(call, ctx.signal, tie(ctx.signal, call));
}

/** Writes the caller's messages with back-pressure and ends the stream; leaves quietly when the call is over first. */
async function pump(requests: AsyncIterable<unknown>, call: Parameters<typeof sender>[0], over: AbortSignal): Promise<void> {
  const send = sender<unknown>(call, over);
  for await (const message of requests) {
    try {
      await send(message);
    } catch (error) {
      if (over.aborted) return;
      throw error;
    }
  }
  if (!over.aborted) call.end();
}

function responses(call: Readable & Cancellable, signal: AbortSignal, untie: () => void): ResponseStream<unknown> {
  const opened = Promise.withResolvers<void>();
  opened.promise.catch(() => undefined); // whoever iterates sees the failure; awaiting `opened` is optional
  call.on('metadata', () => opened.resolve());
  call.on('error', (error: Error) => opened.reject(failureOf(error, signal)));
  call.on('status', () => {
    untie();
    opened.resolve();
  });
  const messages = readMessages<unknown>(call, {
    failed: (error) => failureOf(error, signal),
    left: () => call.cancel(),
  });
  return {
    opened: opened.promise,
    get streamId() {
      return call.streamId;
    },
    cancel: () => call.cancel(),
    [Symbol.asyncIterator]: () => messages[Symbol.asyncIterator](),
  };
}

function failedStream(error: Error): ResponseStream<unknown> {
  const opened = Promise.reject<void>(error);
  opened.catch(() => undefined);
  return {
    opened,
    cancel: () => undefined,
    [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(error) }),
  };
}
