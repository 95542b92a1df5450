import type { Readable, Writable } from 'node:stream';
import type { Metadata, MethodDefinition } from '@grpc/grpc-js';

export type Method = MethodDefinition<unknown, unknown>;

/** What a call is begun with. */
export interface Outgoing {
  readonly method: Method;
  readonly metadata: Metadata;
  /** Milliseconds since the epoch. */
  readonly deadline?: number;
}

export interface Cancellable {
  /** The call's number among the streams of its HTTP/2 connection, where the transport knows it. */
  readonly streamId?: number | undefined;
  cancel(): void;
}

/** Told once: the answer, or a ServiceError. */
export type Done = (error: Error | null, response?: unknown) => void;

/**
 * How calls leave this process. Streams carry messages, not bytes, and tell what grpc-js's streams tell: 'metadata' when the server has taken the
 * call up, 'error' with a ServiceError unless it ends well, 'status' at the end in any case.
 */
export interface Transport {
  unary(call: Outgoing, request: unknown, done: Done): Cancellable;
  clientStream(call: Outgoing, done: Done): Writable & Cancellable;
  serverStream(call: Outgoing, request: unknown): Readable & Cancellable;
  bidi(call: Outgoing): Readable & Writable & Cancellable;
}
