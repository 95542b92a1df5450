import type { MethodDefinition } from '@grpc/grpc-js';
import type { CallContext } from './context';

/** Sends one message of a stream; resolves when there is room for the next. Rejects when the call is over. */
export type Send<T> = (message: T) => Promise<void>;

/**
 * A service as typed functions, derived from its generated definition. Both a server's implementation and a client have this shape, so an
 * implementation can stand in for a client in tests. Streams may be produced by `send` or by returning an AsyncIterable.
 */
export type Handlers<D> = { readonly [M in keyof D]: Handler<D[M]> };

type Handler<M> =
  M extends MethodDefinition<infer Req, infer Res>
    ? M extends { readonly requestStream: true; readonly responseStream: true }
      ? (ctx: CallContext, requests: AsyncIterable<Req>, send: Send<Res>) => AsyncIterable<Res> | Promise<void>
      : M extends { readonly requestStream: true }
        ? (ctx: CallContext, requests: AsyncIterable<Req>) => Promise<Res>
        : M extends { readonly responseStream: true }
          ? (ctx: CallContext, request: Req, send: Send<Res>) => AsyncIterable<Res> | Promise<void>
          : (ctx: CallContext, request: Req) => Promise<Res>
    : never;

export interface CallOptions {
  /** Wait until the server is there (again) instead of failing with unavailable; bound it with a deadline. */
  readonly waitForReady?: boolean;
  /** Milliseconds for this call; the context's own deadline holds too. */
  readonly timeoutMs?: number;
  /** Metadata of this call, beside what the context says; a key may have several values. */
  readonly metadata?: Readonly<Record<string, readonly string[]>>;
}

/** Messages of a server's stream. Leaving the loop early cancels the call. */
export interface ResponseStream<T> extends AsyncIterable<T> {
  /** Settles when the server has taken the call up (its headers are here): what happens from now on is seen. */
  readonly opened: Promise<void>;
  /** The call's number among the streams of its HTTP/2 connection, once it has left; only of calls over a stream that was given. */
  readonly streamId?: number | undefined;
  cancel(): void;
}

/** A typed client: the handlers' shape, called from the other side. */
export type ServiceClient<D> = { readonly [M in keyof D]: ClientMethod<D[M]> };

type ClientMethod<M> =
  M extends MethodDefinition<infer Req, infer Res>
    ? M extends { readonly requestStream: true; readonly responseStream: true }
      ? (ctx: CallContext, requests: AsyncIterable<Req>, options?: CallOptions) => ResponseStream<Res>
      : M extends { readonly requestStream: true }
        ? (ctx: CallContext, requests: AsyncIterable<Req>, options?: CallOptions) => Promise<Res>
        : M extends { readonly responseStream: true }
          ? (ctx: CallContext, request: Req, options?: CallOptions) => ResponseStream<Res>
          : (ctx: CallContext, request: Req, options?: CallOptions) => Promise<Res>
    : never;

/** Full service name of a definition, e.g. `containerd.services.tasks.v1.Tasks`. */
export function serviceName(definition: Readonly<Record<string, { readonly path: string }>>): string {
  for (const { path } of Object.values(definition)) return path.slice(1, path.lastIndexOf('/'));
  throw new RangeError('a service definition without methods has no name');
}
