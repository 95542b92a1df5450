import { packAny } from '@gantry/api';
import { StreamInit, type StreamingService } from '@gantry/api/containerd/services/streaming/v1/streaming';
import type { Any } from '@gantry/api/google/protobuf/any';
import { Empty } from '@gantry/api/google/protobuf/empty';
import { alreadyExists, type CallContext, type Handlers, invalidArgument, isErrorOf, notFound } from '@gantry/rpc';
import { isAny } from '@gantry/api';

/** One stream that a client opened beside a call: messages both ways until either side ends it. */
export interface Stream {
  /** Resolves when there is room for the next. Rejects when the client is gone. */
  send(message: Any): Promise<void>;
  /** Undefined: the client sends no more. */
  receive(): Promise<Any | undefined>;
  /** Ends the client's call. */
  close(): void;
}

/** Streams by the ids that clients chose; another call (a transfer) names one and takes it. containerd.services.streaming.v1. */
export class Streams {
  private readonly open = new Map<string, Stream>();

  /** The stream of an id, in the call's namespace. */
  get(ctx: Pick<CallContext, 'namespace'>, id: string): Stream {
    const found = this.open.get(key(ctx, id));
    if (found === undefined) throw notFound(`stream "${id}": not found`);
    return found;
  }

  handlers(): Handlers<StreamingService> {
    return { stream: (ctx, requests, send) => this.serve(ctx, requests[Symbol.asyncIterator](), send) };
  }

  /** The first message names the stream and is acknowledged; the call lasts until the stream is closed by who took it, or by the client. */
  private async serve(ctx: CallContext, requests: AsyncIterator<Any>, send: (message: Any) => Promise<void>): Promise<void> {
    const first = await requests.next();
    if (first.done === true) throw invalidArgument('stream ended before its first message');
    if (!isAny(first.value, StreamInit)) throw invalidArgument(`first message of a stream is ${first.value.typeUrl}, not its id`);
    const { id } = StreamInit.decode(first.value.value);
    if (id === '') throw invalidArgument('stream id is empty');
    const name = key(ctx, id);
    if (this.open.has(name)) throw alreadyExists(`stream "${id}": already exists`);
    await new Promise<void>((resolve, reject) => {
      this.open.set(name, {
        send,
        receive: () => receive(requests),
        close: resolve,
      });
      ctx.signal.addEventListener('abort', () => resolve(), { once: true });
      send(packAny(Empty, {})).catch(reject);
    }).finally(() => this.open.delete(name));
  }
}

async function receive(requests: AsyncIterator<Any>): Promise<Any | undefined> {
  try {
    const next = await requests.next();
    return next.done === true ? undefined : next.value;
  } catch (error) {
    if (isErrorOf(error, 'cancelled')) return undefined;
    throw error;
  }
}

const key = ({ namespace }: Pick<CallContext, 'namespace'>, id: string): string => `${namespace} ${id}`;
