import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { Metadata, type ServerUnaryCall } from '@grpc/grpc-js';
import type { Tracer } from '@opentelemetry/api';
import { deadlineExceeded } from './errors';
import type { Logger } from './logger';
import { API_SOCKET_KEY, DEFAULT_NAMESPACE, LEASE_KEY, NAMESPACE_KEY, OPERATION_KEY, TRACEPARENT_KEY, VIA_KEY } from './metadata-names';
import { after } from './timer';
import { childTrace, formatTraceparent, parseTraceparent } from './traceparent';

/** What every call carries, first parameter everywhere. Immutable: derive a changed one with `derive`. */
export interface CallContext {
  /** Aborted when the caller goes away, the deadline passes or the server stops; its reason is a GantryError. */
  readonly signal: AbortSignal;
  /** Milliseconds since the epoch. */
  readonly deadline?: number;
  /** containerd namespace. */
  readonly namespace: string;
  /** Id of the changing operation this call belongs to; empty when the caller gave none. */
  readonly operationId: string;
  /** W3C trace context of the present span; goes to the callee as its parent. */
  readonly traceparent: string;
  /** Lease that new resources are put under (containerd-lease). */
  readonly lease?: string;
  /** The face of this engine that passed a foreign client's call on. It ends here: calls made for this one do not carry it. */
  readonly via?: string;
  /** Name of the API's socket by which the call came, where that has a scope. It goes along with every call that is made for it. */
  readonly apiSocket?: string;
  /** Values of a metadata key that the caller sent, however it is spelled; none for work of this process's own. They end here as `via` does. */
  readonly sent?: (key: string) => readonly string[];
  readonly logger?: Logger;
  /** Makes child spans; absent when nobody traces. */
  readonly tracer?: Tracer;
}

export type ContextChange = { readonly [K in keyof CallContext]?: CallContext[K] };

/** The context of work that nobody called for: start-up, monitors, tests. A new trace, a new operation id, never aborted unless told. */
export function newContext(change: ContextChange = {}): CallContext {
  return {
    signal: change.signal ?? new AbortController().signal,
    namespace: DEFAULT_NAMESPACE,
    operationId: randomUUID(),
    traceparent: formatTraceparent(childTrace()),
    ...change,
  };
}

export function derive(ctx: CallContext, change: ContextChange): CallContext {
  return { ...ctx, ...change };
}

/** The same context for calls that end after `ms`; a nearer deadline stays. Its signal is not told: whoever waits for that takes withTimeout. */
export function withDeadline(ctx: CallContext, ms: number): CallContext {
  const deadline = Date.now() + ms;
  return ctx.deadline !== undefined && ctx.deadline <= deadline ? ctx : { ...ctx, deadline };
}

/** The same context that also ends after `ms`; a nearer deadline stays. Keeps a timer for so long. */
export function withTimeout(ctx: CallContext, ms: number): CallContext {
  const deadline = Date.now() + ms;
  if (ctx.deadline !== undefined && ctx.deadline <= deadline) return ctx;
  const timeout = new AbortController();
  after(ms, () => timeout.abort(deadlineExceeded(`no answer within ${ms} ms`)), { ref: false });
  return { ...ctx, deadline, signal: AbortSignal.any([ctx.signal, timeout.signal]) };
}

/** The same context without the caller's abort and deadline, for work that must be finished whoever goes away. */
export function detached(ctx: CallContext): CallContext {
  const { deadline: _deadline, ...rest } = ctx;
  return { ...rest, signal: new AbortController().signal };
}

/** A context for a part of the operation, with an operation id of its own that is the same at each repetition. */
export function suboperation(ctx: CallContext, name: string): CallContext {
  return ctx.operationId === '' ? ctx : { ...ctx, operationId: `${ctx.operationId}/${name}` };
}

export function traceIdOf(ctx: CallContext): string {
  return parseTraceparent(ctx.traceparent)?.traceId ?? '';
}

/** Outgoing metadata of a call made in this context. */
export function toMetadata(ctx: CallContext, waitForReady = false): Metadata {
  const metadata = new Metadata({ waitForReady });
  metadata.set(NAMESPACE_KEY, ctx.namespace);
  metadata.set(TRACEPARENT_KEY, ctx.traceparent);
  if (ctx.operationId !== '') metadata.set(OPERATION_KEY, ctx.operationId);
  if (ctx.lease !== undefined) metadata.set(LEASE_KEY, ctx.lease);
  if (ctx.apiSocket !== undefined) metadata.set(API_SOCKET_KEY, ctx.apiSocket);
  return metadata;
}

function text(metadata: Metadata, key: string): string | undefined {
  const value = metadata.get(key)[0];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** The context of an incoming call, without span: the traceparent is still the caller's (empty when it sent none). */
export function fromServerCall(
  call: Pick<ServerUnaryCall<unknown, unknown>, 'metadata' | 'getDeadline'>,
  signal: AbortSignal,
  defaultNamespace: string,
): CallContext {
  setMaxListeners(0, signal);
  const deadline = Number(call.getDeadline());
  const lease = text(call.metadata, LEASE_KEY);
  const via = text(call.metadata, VIA_KEY);
  const apiSocket = text(call.metadata, API_SOCKET_KEY);
  return {
    signal,
    namespace: text(call.metadata, NAMESPACE_KEY) ?? defaultNamespace,
    operationId: text(call.metadata, OPERATION_KEY) ?? '',
    traceparent: text(call.metadata, TRACEPARENT_KEY) ?? '',
    ...(Number.isFinite(deadline) ? { deadline } : {}),
    ...(lease === undefined ? {} : { lease }),
    ...(via === undefined ? {} : { via }),
    ...(apiSocket === undefined ? {} : { apiSocket }),
    sent: (key) => call.metadata.get(key).filter((value) => typeof value === 'string'),
  };
}

const storage = new AsyncLocalStorage<CallContext>();

/** Runs fn so that log lines below it know their call. */
export function runInCall<T>(ctx: CallContext, fn: () => T): T {
  return storage.run(ctx, fn);
}

/** The call that the present code runs for; for loggers only, everything else is handed its context. */
export function currentCall(): CallContext | undefined {
  return storage.getStore();
}
