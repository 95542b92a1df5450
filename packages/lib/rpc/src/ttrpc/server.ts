import { EventEmitter } from 'node:events';
import { createServer as createNetServer, type Server as NetServer, type Socket } from 'node:net';
import { Request, Response } from '@gantry/api/containerd/ttrpc/request';
import type { ServiceDefinition } from '@grpc/grpc-js';
import type { CallContext } from '../context';
import { asGantryError, errorTable, type GantryError, invalidArgument, notImplemented, resourceExhausted } from '../errors';
import { DEFAULT_NAMESPACE } from '../metadata-names';
import { BACKLOG } from '../backlog';
import { publishSocket, retractSocket } from '../private-socket';
import { type AddOptions, type ServerOptions } from '../server';
import { type CallSurroundings, incoming, runCall } from '../serve-call';
import { type Handlers, serviceName } from '../service-shape';
import { after } from '../timer';
import { encodeFrame, type Frame, FrameFlag, FrameReader, FrameType, TTRPC_MAX_MESSAGE_BYTES } from './frame';
import { fromKeyValues } from './metadata';
import { type UnaryMethod, unaryOnly } from './method';

/** A ttrpc server: unary calls over unix sockets. `addService` everything, then `listen`. */
export interface TtrpcServer {
  /** Takes the same definitions and handlers as the gRPC server. A definition with a stream is refused by the stream's name. */
  addService<D extends ServiceDefinition>(definition: D, handlers: Handlers<D>, options?: AddOptions<D>): void;
  /** Serves on a unix socket that appears only when it listens. Default mode 0600. */
  listen(socketPath: string, mode?: number): Promise<void>;
  /** Serves on a listening socket that was inherited. */
  listenOn(fd: number): Promise<void>;
  /** Serves one accepted connection. */
  accept(socket: Socket): void;
  /** Takes no new connection, ends long calls, waits for the rest up to `graceMs`, then cuts. */
  stop(graceMs?: number): Promise<void>;
}

interface Entry {
  readonly definition: UnaryMethod;
  readonly handler: (ctx: CallContext, request: unknown) => Promise<unknown>;
  readonly long: boolean;
}

export function createTtrpcServer(options: ServerOptions): TtrpcServer {
  const methods = new Map<string, Entry>();
  const services = new Set<string>();
  const listeners: NetServer[] = [];
  const sockets: string[] = [];
  const connections = new Set<ServedConnection>();
  const stopping = new AbortController();
  const around: CallSurroundings = {
    logger: options.logger,
    defaultNamespace: options.defaultNamespace ?? DEFAULT_NAMESPACE,
    callLogLevel: options.callLogLevel ?? 'debug',
    stopping: stopping.signal,
    ...(options.tracer === undefined ? {} : { tracer: options.tracer }),
    ...(options.observer === undefined ? {} : { observer: options.observer }),
  };

  const find = (service: string, method: string): Entry => {
    const entry = methods.get(`/${service}/${method}`);
    if (entry !== undefined) return entry;
    throw notImplemented(services.has(service) ? `method ${method} of ${service} is not known` : `service ${service} is not served here`);
  };
  const accept = (socket: Socket): void => {
    const connection = new ServedConnection(socket, around, find);
    connections.add(connection);
    socket.once('close', () => connections.delete(connection));
  };
  const listening = async (start: (server: NetServer) => void): Promise<void> => {
    const server = createNetServer(accept);
    listeners.push(server);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.once('listening', resolve);
      start(server);
    });
  };

  return {
    addService(definition, handlers, add = {}) {
      const long = new Set<string>(add.longCalls);
      services.add(serviceName(definition));
      for (const name of Object.keys(definition)) unaryOnly(definition[name] as UnaryMethod);
      for (const name of Object.keys(definition)) {
        const method = definition[name] as UnaryMethod;
        methods.set(method.path, {
          definition: method,
          handler: handlers[name as keyof typeof handlers].bind(handlers) as unknown as Entry['handler'],
          long: long.has(name),
        });
      }
    },
    async listen(socketPath, mode = 0o600) {
      await publishSocket(socketPath, mode, (place) => listening((server) => server.listen({ ...place, backlog: BACKLOG })));
      sockets.push(socketPath);
    },
    listenOn: (fd) => listening((server) => server.listen({ fd })),
    accept,
    async stop(graceMs = 5000) {
      for (const server of listeners.splice(0)) server.close();
      await Promise.all(sockets.splice(0).map(retractSocket));
      stopping.abort();
      const cut = Promise.withResolvers<void>();
      const timer = after(graceMs, cut.resolve);
      await Promise.race([cut.promise, Promise.all([...connections].map((one) => one.idle()))]);
      timer.cancel();
      await Promise.all([...connections].map((one) => one.end()));
    },
  };
}

class ServedConnection {
  private readonly reader = new FrameReader();
  private readonly calls = new Map<number, { readonly events: EventEmitter; readonly done: Promise<void> }>();
  private lastStream = 0;

  constructor(
    private readonly socket: Socket,
    private readonly around: CallSurroundings,
    private readonly find: (service: string, method: string) => Entry,
  ) {
    socket.on('data', (chunk: Buffer) => this.reader.push(chunk, (frame) => this.take(frame)));
    socket.on('error', () => undefined); // 'close' follows
    socket.once('close', () => {
      for (const { events } of this.calls.values()) events.emit('cancelled');
    });
  }

  /** Resolves when every call has been answered. */
  async idle(): Promise<void> {
    await Promise.all([...this.calls.values()].map(({ done }) => done));
  }

  async end(): Promise<void> {
    if (this.socket.destroyed) return;
    const gone = new Promise((resolve) => this.socket.once('close', resolve));
    this.socket.destroySoon();
    await gone;
  }

  private take(frame: Frame): void {
    const { streamId } = frame;
    if (frame.type === FrameType.data) return; // the rest of a stream that was refused when it was opened
    if (frame.type !== FrameType.request) return this.refuse(streamId, invalidArgument(`message type ${frame.type} is no request`));
    if (streamId % 2 !== 1) return this.refuse(streamId, invalidArgument(`stream id ${streamId} of a client is not odd`));
    if (streamId <= this.lastStream)
      return this.refuse(streamId, invalidArgument(`stream id ${streamId} does not follow ${this.lastStream}`));
    this.lastStream = streamId;
    if (frame.oversized !== undefined) return this.refuse(streamId, tooLong(frame.oversized));
    try {
      const request = Request.decode(frame.payload);
      if ((frame.flags & FrameFlag.remoteOpen) !== 0)
        throw notImplemented(`stream ${request.service}/${request.method} is not served over ttrpc`);
      this.serve(streamId, request, this.find(request.service, request.method));
    } catch (error) {
      this.refuse(streamId, asGantryError(error));
    }
  }

  private serve(streamId: number, request: Request, { definition, handler, long }: Entry): void {
    const deadline = request.timeoutNano > 0n ? Date.now() + Number(request.timeoutNano / 1_000_000n) : Infinity;
    const events = new EventEmitter();
    const call = Object.assign(events, {
      metadata: fromKeyValues(request.metadata),
      getDeadline: () => deadline,
      getPath: () => definition.path,
    });
    const late = Number.isFinite(deadline) ? after(deadline - Date.now() + 1, () => events.emit('cancelled')) : undefined;
    events.once('cancelled', () => late?.cancel());
    const done = runCall(this.around, incoming(this.around, call), long, async (ctx) => {
      let input: unknown;
      try {
        input = definition.requestDeserialize(request.payload);
      } catch (error) {
        throw invalidArgument(`request of ${definition.path} is malformed`, { cause: error });
      }
      return definition.responseSerialize(await handler(ctx, input));
    }).then((end) => {
      late?.cancel();
      this.calls.delete(streamId);
      if (!end.ok) this.refuse(streamId, end.error);
      else this.answer(streamId, { status: undefined, payload: end.value });
    });
    this.calls.set(streamId, { events, done });
  }

  private refuse(streamId: number, error: GantryError): void {
    this.answer(streamId, { status: { code: errorTable[error.kind].grpc, message: error.message, details: [] }, payload: Buffer.alloc(0) });
  }

  private answer(streamId: number, response: Response): void {
    if (!this.socket.writable) return;
    const bytes = Response.encode(response).finish();
    if (bytes.length > TTRPC_MAX_MESSAGE_BYTES) this.refuse(streamId, tooLong(bytes.length));
    else this.socket.write(encodeFrame(streamId, FrameType.response, bytes));
  }
}

const tooLong = (length: number): GantryError =>
  resourceExhausted(`message of ${length} bytes is longer than ttrpc's ${TTRPC_MAX_MESSAGE_BYTES}`);
