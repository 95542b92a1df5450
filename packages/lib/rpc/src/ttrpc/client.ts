import { connect as connectSocket, type Socket } from 'node:net';
import { Request, Response } from '@gantry/api/containerd/ttrpc/request';
import type { ServiceDefinition } from '@grpc/grpc-js';
import type { CallContext } from '../context';
import { asGantryError, deadlineExceeded, errorText, GantryError, internal, resourceExhausted, unavailable } from '../errors';
import type { CallOptions, ServiceClient } from '../service-shape';
import { kindOfGrpcCode } from '../status';
import { after } from '../timer';
import { encodeFrame, type Frame, FrameReader, FrameType, TTRPC_MAX_MESSAGE_BYTES } from './frame';
import { toKeyValues } from './metadata';
import { splitPath, type UnaryMethod, unaryOnly } from './method';
import { socketOfAddress } from './address';

/**
 * One ttrpc connection. It is never made again: who is told `closed` decides whether to connect anew. Calls of a connection that is gone
 * fail with `unavailable`.
 */
export interface TtrpcConnection {
  /** Typed unary methods of one service; calling a stream throws notImplemented. `waitForReady` has no meaning here and is refused. */
  client<D extends ServiceDefinition>(definition: D): ServiceClient<D>;
  /** Resolves once when the connection is gone, whoever ended it. */
  readonly closed: Promise<void>;
  close(): void;
}

/** Connects to an address as shims tell it: a path, `unix://<path>`, or an abstract name. Fails with `unavailable` when nobody answers. */
export async function connectTtrpc(address: string): Promise<TtrpcConnection> {
  const socket = connectSocket(socketOfAddress(address));
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', (error) => reject(unavailable(`nobody answers on ${address}: ${errorText(error)}`, { cause: error })));
  });
  return new Connection(socket, address);
}

interface Waiting {
  readonly path: string;
  readonly answer: PromiseWithResolvers<Buffer>;
}

class Connection implements TtrpcConnection {
  private readonly reader = new FrameReader();
  private readonly waiting = new Map<number, Waiting>();
  private readonly gone = Promise.withResolvers<void>();
  private nextStream = 1;

  constructor(
    private readonly socket: Socket,
    private readonly address: string,
  ) {
    socket.on('data', (chunk: Buffer) => this.reader.push(chunk, (frame) => this.take(frame)));
    socket.on('error', () => undefined); // 'close' follows
    socket.once('close', () => {
      for (const { path, answer } of this.waiting.values()) answer.reject(unavailable(`${path}: the connection to ${address} closed`));
      this.waiting.clear();
      this.gone.resolve();
    });
  }

  get closed(): Promise<void> {
    return this.gone.promise;
  }

  client<D extends ServiceDefinition>(definition: D): ServiceClient<D> {
    const entries = Object.keys(definition).map((name) => {
      const method = definition[name] as UnaryMethod;
      return [name, (ctx: CallContext, input: unknown, options: CallOptions = {}) => this.call(unaryOnly(method), ctx, input, options)];
    });
    return Object.fromEntries(entries) as ServiceClient<D>;
  }

  close(): void {
    this.socket.destroy();
  }

  private async call(method: UnaryMethod, ctx: CallContext, input: unknown, options: CallOptions): Promise<unknown> {
    if (options.waitForReady === true) throw internal(`${method.path}: waitForReady has no meaning over ttrpc`);
    if (ctx.signal.aborted) throw asGantryError(ctx.signal.reason);
    if (this.socket.destroyed) throw unavailable(`${method.path}: the connection to ${this.address} is closed`);
    const deadline = Math.min(ctx.deadline ?? Infinity, options.timeoutMs === undefined ? Infinity : Date.now() + options.timeoutMs);
    const left = deadline - Date.now();
    if (left <= 0) throw deadlineExceeded(`deadline of ${method.path} passed`);
    const bytes = Request.encode({
      ...splitPath(method.path),
      payload: method.requestSerialize(input),
      timeoutNano: Number.isFinite(left) ? BigInt(Math.ceil(left)) * 1_000_000n : 0n,
      metadata: toKeyValues(ctx),
    }).finish();
    if (bytes.length > TTRPC_MAX_MESSAGE_BYTES)
      throw resourceExhausted(`${method.path}: message of ${bytes.length} bytes is longer than ttrpc's ${TTRPC_MAX_MESSAGE_BYTES}`);
    return method.responseDeserialize(await this.exchange(method.path, bytes, ctx.signal, left));
  }

  /** Sends a request and waits for its answer. ttrpc knows no cancellation: a caller that leaves only stops to listen. */
  private async exchange(path: string, bytes: Uint8Array, signal: AbortSignal, left: number): Promise<Buffer> {
    const streamId = this.nextStream;
    this.nextStream += 2;
    const answer = Promise.withResolvers<Buffer>();
    this.waiting.set(streamId, { path, answer });
    const leave = (): void => answer.reject(asGantryError(signal.reason));
    signal.addEventListener('abort', leave, { once: true });
    const timer = Number.isFinite(left) ? after(left, () => answer.reject(deadlineExceeded(`deadline of ${path} passed`))) : undefined;
    this.socket.write(encodeFrame(streamId, FrameType.request, bytes));
    try {
      return await answer.promise;
    } finally {
      timer?.cancel();
      signal.removeEventListener('abort', leave);
      this.waiting.delete(streamId);
    }
  }

  private take(frame: Frame): void {
    const waiting = this.waiting.get(frame.streamId);
    if (waiting === undefined) return; // its caller has left
    const { path, answer } = waiting;
    if (frame.oversized !== undefined)
      return answer.reject(
        resourceExhausted(`${path}: answer of ${frame.oversized} bytes is longer than ttrpc's ${TTRPC_MAX_MESSAGE_BYTES}`),
      );
    if (frame.type !== FrameType.response)
      return answer.reject(internal(`${path}: message type ${frame.type} is no answer to a unary call`));
    try {
      const { status, payload } = Response.decode(frame.payload);
      if (status === undefined || status.code === 0) answer.resolve(payload);
      else answer.reject(new GantryError(kindOfGrpcCode(status.code), status.message));
    } catch (error) {
      answer.reject(internal(`${path}: the answer is malformed`, { cause: error }));
    }
  }
}
