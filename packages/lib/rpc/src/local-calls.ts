import { setMaxListeners } from 'node:events';
import { setImmediate } from 'node:timers';
import type { MethodDefinition } from '@grpc/grpc-js';
import type { CallContext } from './context';
import { asGantryError, cancelled, deadlineExceeded, type GantryError, resourceExhausted, unavailable } from './errors';
import { type CallSurroundings, type IncomingCall, produce, runCall } from './serve-call';
import { MAX_MESSAGE_BYTES } from './message-limit';
import { messageLoop } from './message-loop';
import type { CallOptions, ResponseStream, Send } from './service-shape';
import { fromServiceError, toStatus } from './status';
import { after } from './timer';

type Method = MethodDefinition<unknown, unknown>;
type Handler = (ctx: CallContext, request: unknown, send?: Send<unknown>) => unknown;

interface LocalMethod {
  readonly method: Method;
  readonly handler: Handler;
  readonly long: boolean;
}

/** One call from this process. */
export interface LocalCall {
  readonly server: LocalServer;
  readonly entry: LocalMethod;
  readonly ctx: CallContext;
  readonly options: CallOptions;
}

/** Messages, and bytes, of a stream that may wait for its reader. */
const WINDOW_MESSAGES = 16;
const WINDOW_BYTES = 1 << 20;

/** Servers of this process, by the socket that they listen on. */
const servers = new Map<string, LocalServer>();

/** A method that a server of this process serves. */
export interface NearMethod {
  readonly server: LocalServer;
  readonly entry: LocalMethod;
}

/** The server in this process that serves a method on this socket, if the call can be made without it. */
export function localServer(socketPath: string, path: string): NearMethod | undefined {
  const server = servers.get(socketPath);
  const entry = server?.methods.get(path);
  return server === undefined || entry === undefined ? undefined : { server, entry };
}

export function isServedHere(socketPath: string): boolean {
  return servers.has(socketPath);
}

/**
 * What a server offers to clients in its own process: unary calls and server streams without HTTP/2. Nothing else differs: messages are
 * encoded and decoded (neither side sees the other's objects, and the size limit holds), context, deadline, cancellation, errors, spans, logs and metrics are the same.
 */
export class LocalServer {
  readonly methods = new Map<string, LocalMethod>();
  private readonly paths: string[] = [];
  /** How each call that runs is ended for its caller. */
  private readonly running = new Map<IncomingCall, (reason: GantryError) => void>();
  private whenIdle: (() => void) | undefined;

  constructor(readonly around: CallSurroundings) {}

  /** Calls whose requests are a stream are left to the socket. */
  add(method: Method, handler: Handler, long: boolean): void {
    if (!method.requestStream) this.methods.set(method.path, { method, handler, long });
  }

  appear(socketPath: string): void {
    servers.set(socketPath, this);
    this.paths.push(socketPath);
  }

  disappear(): void {
    for (const path of this.paths.splice(0)) if (servers.get(path) === this) servers.delete(path);
  }

  begin(call: IncomingCall, end: (reason: GantryError) => void): void {
    this.running.set(call, end);
  }

  end(call: IncomingCall): void {
    this.running.delete(call);
    if (this.running.size === 0) this.whenIdle?.();
  }

  /** Resolves when no call runs. */
  idle(): Promise<void> {
    return this.running.size === 0
      ? Promise.resolve()
      : new Promise((resolve) => {
          this.whenIdle = resolve;
        });
  }

  /** Ends what still runs for its callers; handlers that do not listen to their signal are not waited for. */
  cut(): void {
    const running = [...this.running];
    this.running.clear();
    for (const [{ method }, end] of running) end(unavailable(`${method} was cut: the service stops`));
    this.whenIdle?.();
  }
}

interface TakenCall {
  readonly call: IncomingCall;
  /** Ends the call for both sides, unless it is over. */
  readonly end: (reason: GantryError) => void;
  /** Stops watching caller and clock. */
  readonly release: () => void;
}

/** The call as the server sees it, ended by its caller's context or its deadline: `failed` is told then, and nothing after `release`. */
function take({ server, entry: { method }, ctx, options }: LocalCall, failed: (error: GantryError) => void): TakenCall {
  const gone = new AbortController();
  setMaxListeners(0, gone.signal);
  const deadline = Math.min(ctx.deadline ?? Infinity, options.timeoutMs === undefined ? Infinity : Date.now() + options.timeoutMs);
  const { apiSocket, lease } = ctx;
  const call: IncomingCall = {
    method: method.path,
    gone,
    over: false,
    ctx: {
      signal: gone.signal,
      namespace: ctx.namespace === '' ? server.around.defaultNamespace : ctx.namespace,
      operationId: ctx.operationId,
      traceparent: ctx.traceparent,
      ...(Number.isFinite(deadline) ? { deadline } : {}),
      ...(lease === undefined || lease === '' ? {} : { lease }),
      ...(apiSocket === undefined ? {} : { apiSocket }),
    },
  };
  let released = false;
  const end = (reason: GantryError): void => {
    if (!call.over) gone.abort(reason);
    if (released) return;
    release();
    failed(ctx.signal.aborted ? asGantryError(ctx.signal.reason) : reason); // the context's reason says more
  };
  const left = (): void => end(cancelled(`${method.path} was cancelled by its caller`));
  setMaxListeners(0, ctx.signal);
  ctx.signal.addEventListener('abort', left, { once: true });
  const ms = deadline - Date.now();
  const timer = after(ms, () => end(deadlineExceeded(`deadline of ${method.path} passed`)), { ref: false });
  const release = (): void => {
    released = true;
    timer.cancel();
    ctx.signal.removeEventListener('abort', left);
  };
  return { call, end, release };
}

/** A message as the other side reads it. */
function carried(
  write: (message: unknown) => Buffer,
  read: (bytes: Buffer) => unknown,
  message: unknown,
): { readonly message: unknown; readonly size: number } {
  const bytes = write(message);
  if (bytes.length > MAX_MESSAGE_BYTES)
    throw resourceExhausted(`message of ${bytes.length} bytes is larger than the ${MAX_MESSAGE_BYTES} that are allowed`);
  return { message: read(bytes), size: bytes.length };
}

/** What a caller sees of a failure: nothing that would not cross a socket. */
function crossed(error: unknown): GantryError {
  return fromServiceError(Object.assign(new Error(), toStatus(error)));
}

/** Handlers start in a turn of their own, as those do whose calls come from a socket: callers in a loop leave room for others. */
const turn = (work: () => void): void => void setImmediate(work);

export function callLocally(local: LocalCall, request: unknown): Promise<unknown> {
  const {
    server,
    entry: { method, handler, long },
  } = local;
  return new Promise((resolve, reject) => {
    const asked = carried(method.requestSerialize, method.requestDeserialize, request).message;
    const { call, end: cut, release } = take(local, reject);
    server.begin(call, cut);
    turn(() => {
      const work = async (served: CallContext): Promise<unknown> =>
        carried(method.responseSerialize, method.responseDeserialize, await handler(served, asked)).message;
      void runCall(server.around, call, long, work).then((end) => {
        release();
        server.end(call);
        if (end.ok) resolve(end.value);
        else reject(crossed(end.error));
      });
    });
  }).catch((error: unknown) => {
    throw asGantryError(error);
  });
}

/** Throws when the request cannot be written. */
export function streamLocally(local: LocalCall, request: unknown): ResponseStream<unknown> {
  const {
    server,
    entry: { method, handler },
  } = local;
  const asked = carried(method.requestSerialize, method.requestDeserialize, request).message;
  const queue: { readonly message: unknown; readonly size: number }[] = [];
  const opened = Promise.withResolvers<void>();
  opened.promise.catch(() => undefined); // whoever iterates sees the failure; awaiting `opened` is optional
  let waiting = 0;
  let ended = false;
  let failure: GantryError | undefined;
  const writers: (() => void)[] = [];
  const room = (): void => {
    for (const writer of writers.splice(0)) writer();
  };
  const fail = (error: GantryError): void => {
    failure ??= error;
    opened.reject(failure);
    loop.wake();
  };
  const { call, end: cut, release } = take(local, fail);
  const cancel = (): void => cut(cancelled(`${method.path} was cancelled by its caller`));
  const loop = messageLoop<unknown>({
    take: () => {
      const one = queue.shift();
      if (one === undefined) return undefined;
      waiting -= one.size;
      room();
      return one.message;
    },
    over: () => failure ?? (ended || undefined),
    left: cancel,
  });
  call.gone.signal.addEventListener('abort', room, { once: true });

  const send: Send<unknown> = async (message) => {
    call.gone.signal.throwIfAborted();
    const one = carried(method.responseSerialize, method.responseDeserialize, message);
    queue.push(one);
    waiting += one.size;
    loop.wake();
    while (queue.length >= WINDOW_MESSAGES || waiting >= WINDOW_BYTES) {
      await new Promise<void>((resolve) => writers.push(resolve));
      call.gone.signal.throwIfAborted();
    }
  };
  server.begin(call, cut);
  turn(() => {
    void runCall(server.around, call, true, async (served) =>
      produce(opened.resolve, handler(served, asked, send) as Promise<void>, send),
    ).then((end) => {
      release();
      server.end(call);
      if (!end.ok) return fail(crossed(end.error));
      ended = true;
      opened.resolve();
      loop.wake();
    });
  });

  return { opened: opened.promise, cancel, [Symbol.asyncIterator]: () => loop.messages };
}
