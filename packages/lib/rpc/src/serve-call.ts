import type {
  handleBidiStreamingCall,
  handleClientStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  ServerDuplexStream,
  ServerReadableStream,
  ServerUnaryCall,
  ServerWritableStream,
} from '@grpc/grpc-js';
import { Metadata } from '@grpc/grpc-js';
import { SpanKind, type Tracer } from '@opentelemetry/api';
import { type CallContext, derive, fromServerCall, runInCall } from './context';
import { asGantryError, cancelled, deadlineExceeded, errorText, type GantryError, unavailable } from './errors';
import type { Logger } from './logger';
import type { CallObserver } from './observer';
import { readMessages } from './readable-messages';
import type { Send } from './service-shape';
import { openSpan } from './spans';
import { toStatus } from './status';
import { sender } from './write-messages';

/** What every call of one server shares. */
export interface CallSurroundings {
  readonly logger: Logger;
  readonly tracer?: Tracer;
  readonly observer?: CallObserver;
  readonly defaultNamespace: string;
  /** Level of the line that tells a call's success. */
  readonly callLogLevel: 'debug' | 'info';
  /** Aborted when the server begins to stop. */
  readonly stopping: AbortSignal;
}

type AnyCall = Pick<ServerUnaryCall<unknown, unknown>, 'metadata' | 'getDeadline' | 'getPath'> & {
  on(event: 'cancelled', listener: () => void): unknown;
};

/** A call as it came in, over a socket or from this process. */
export interface IncomingCall {
  /** `/package.Service/Method`. */
  readonly method: string;
  /** Aborted with a GantryError when the caller goes away or its deadline passes; the context's signal. */
  readonly gone: AbortController;
  /** Without span: the traceparent is still the caller's. */
  readonly ctx: CallContext;
  /** The handler is done: what is told of the caller from now on means nothing. */
  over: boolean;
}

export type CallEnd<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: GantryError };

/** Failures that are the service's own fault: logged as errors, with their stack. */
const faults: ReadonlySet<string> = new Set(['internal', 'unknown', 'dataLoss']);

/** A call of grpc-js, or of what has its shape. */
export function incoming(around: CallSurroundings, call: AnyCall): IncomingCall {
  const gone = new AbortController();
  const method = call.getPath();
  const taken: IncomingCall = { method, gone, ctx: fromServerCall(call, gone.signal, around.defaultNamespace), over: false };
  call.on('cancelled', () => {
    if (taken.over) return; // also told of calls that were answered
    const late = Number(call.getDeadline()) <= Date.now();
    gone.abort(late ? deadlineExceeded(`deadline of ${method} passed`) : cancelled(`${method} was cancelled by its caller`));
  });
  return taken;
}

/** Runs one call: context, span, metrics, log, and the failure as a GantryError (already logged). Never throws. */
export async function runCall<T>(
  around: CallSurroundings,
  call: IncomingCall,
  endsOnStop: boolean,
  work: (ctx: CallContext) => Promise<T>,
): Promise<CallEnd<T>> {
  const { method, gone } = call;
  const stop = (): void => gone.abort(unavailable(`${method} ended: the service stops`));
  if (endsOnStop) around.stopping.addEventListener('abort', stop, { once: true });

  const began = performance.now();
  around.observer?.started(method);
  const span = openSpan(derive(call.ctx, { logger: around.logger }), method, SpanKind.SERVER, around.tracer);
  const finish = (outcome: FinishedOutcome): number => {
    call.over = true;
    around.stopping.removeEventListener('abort', stop);
    const seconds = (performance.now() - began) / 1000;
    around.observer?.finished({ method, outcome, seconds });
    return Math.round(seconds * 1e6) / 1e3;
  };
  return runInCall(span.ctx, async () => {
    try {
      if (endsOnStop && around.stopping.aborted) throw unavailable(`${method} refused: the service stops`);
      const value = await work(span.ctx);
      span.end();
      around.logger[around.callLogLevel]({ method, ms: finish('ok') }, 'call done');
      return { ok: true, value };
    } catch (thrown) {
      const error = asGantryError(thrown);
      span.end(error);
      const fields = { method, kind: error.kind, ms: finish(error.kind) };
      if (faults.has(error.kind)) around.logger.error({ ...fields, err: error }, `call failed: ${errorText(error)}`);
      else
        around.logger[error.kind === 'cancelled' || error.kind === 'notModified' ? 'debug' : 'info'](
          fields,
          `call refused: ${errorText(error)}`,
        );
      return { ok: false, error };
    }
  });
}

type FinishedOutcome = Parameters<CallObserver['finished']>[0]['outcome'];
type StreamResult = AsyncIterable<unknown> | Promise<void>;

/** Sends what a handler makes. `takenUp` is called once the handler has begun, so that the caller knows that it is subscribed. */
export async function produce(takenUp: () => void, result: StreamResult, send: Send<unknown>): Promise<void> {
  if (!(Symbol.asyncIterator in result)) {
    takenUp();
    return result;
  }
  const messages = result[Symbol.asyncIterator]();
  let next = messages.next();
  takenUp();
  try {
    for (let step = await next; step.done !== true; step = await next) {
      await send(step.value);
      next = messages.next();
    }
  } finally {
    await messages.return?.();
  }
}

export function serveUnary(
  around: CallSurroundings,
  handler: (ctx: CallContext, request: unknown) => Promise<unknown>,
  endsOnStop: boolean,
): handleUnaryCall<unknown, unknown> {
  return (call, callback) => {
    void runCall(around, incoming(around, call), endsOnStop, async (ctx) => handler(ctx, call.request)).then((end) => {
      if (end.ok) callback(null, end.value);
      else callback(toStatus(end.error));
    });
  };
}

export function serveClientStream(
  around: CallSurroundings,
  handler: (ctx: CallContext, requests: AsyncIterable<unknown>) => Promise<unknown>,
): handleClientStreamingCall<unknown, unknown> {
  return (call, callback) => {
    void runCall(around, incoming(around, call), false, async (ctx) => handler(ctx, requestsOf(call, ctx))).then((end) => {
      if (end.ok) callback(null, end.value);
      else callback(toStatus(end.error));
    });
  };
}

export function serveServerStream(
  around: CallSurroundings,
  handler: (ctx: CallContext, request: unknown, send: Send<unknown>) => StreamResult,
): handleServerStreamingCall<unknown, unknown> {
  return (call) => {
    void runCall(around, incoming(around, call), true, async (ctx) => {
      const send = sender<unknown>(call, ctx.signal);
      await produce(() => call.sendMetadata(new Metadata()), handler(ctx, call.request, send), send);
    }).then((end) => endStream(call, end));
  };
}

export function serveBidi(
  around: CallSurroundings,
  handler: (ctx: CallContext, requests: AsyncIterable<unknown>, send: Send<unknown>) => StreamResult,
): handleBidiStreamingCall<unknown, unknown> {
  return (call) => {
    void runCall(around, incoming(around, call), true, async (ctx) => {
      const send = sender<unknown>(call, ctx.signal);
      await produce(() => call.sendMetadata(new Metadata()), handler(ctx, requestsOf(call, ctx), send), send);
    }).then((end) => endStream(call, end));
  };
}

function endStream(
  call: ServerWritableStream<unknown, unknown> | ServerDuplexStream<unknown, unknown>,
  end: { ok: true } | { ok: false; error: GantryError },
): void {
  if (call.cancelled) return;
  if (end.ok) call.end();
  else call.emit('error', toStatus(end.error));
}

function requestsOf(
  call: ServerReadableStream<unknown, unknown> | ServerDuplexStream<unknown, unknown>,
  ctx: CallContext,
): AsyncIterable<unknown> {
  return readMessages(call, {
    failed: (error) => (ctx.signal.aborted ? (ctx.signal.reason as Error) : asGantryError(error)),
    left: () => call.resume(),
  });
}
