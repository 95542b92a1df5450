import {
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type UntypedHandleCall,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { createServer as createNetServer, type Server as NetServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Tracer } from '@opentelemetry/api';
import { HealthStatus } from './health';
import type { Logger } from './logger';
import { LocalServer } from './local-calls';
import { MAX_MESSAGE_BYTES } from './message-limit';
import { DEFAULT_NAMESPACE } from './metadata-names';
import type { CallObserver } from './observer';
import { BACKLOG } from './backlog';
import { OpenConnections } from './open-connections';
import { type ListenPlace, publishSocket, retractSocket } from './private-socket';
import { addReflection } from './reflection';
import { type CallSurroundings, serveBidi, serveClientStream, serveServerStream, serveUnary } from './serve-call';
import { type Handlers, serviceName } from './service-shape';
import { takeFirstValues } from './single-values';
import { after } from './timer';
import { forgetFarDeadlines } from './far-deadlines';

export interface ServerOptions {
  readonly logger: Logger;
  readonly tracer?: Tracer;
  readonly observer?: CallObserver;
  /** Namespace of calls that name none. */
  readonly defaultNamespace?: string;
  /** Level of the line that tells a call's success; failures are told in any case. Default debug. */
  readonly callLogLevel?: 'debug' | 'info';
}

export interface AddOptions<D> {
  /** Unary calls that may last for hours (a wait): they are ended when the server begins to stop, as streams are. */
  readonly longCalls?: readonly (keyof D & string)[];
}

/** One gRPC server with health and reflection. `addService` everything, then `listen`. */
export interface RpcServer {
  addService<D extends ServiceDefinition>(definition: D, handlers: Handlers<D>, options?: AddOptions<D>): void;
  /** For pass-through: handlers in grpc-js's own form, see forwardService. Their streams end by themselves when the server begins to stop. */
  addRawService(definition: ServiceDefinition, handlers: UntypedServiceImplementation): void;
  /** Serves on a unix socket that appears only when it listens. May be called for several paths. Default mode 0600. */
  listen(socketPath: string, mode?: number): Promise<void>;
  /** Serves over a stream that somebody else connected (a hijacked HTTP connection, a socket pair), until it ends. May be called before `listen`, and without it. */
  serveStream(stream: Duplex): void;
  /** What health says of the whole server; set to serving by listen. */
  setServing(serving: boolean): void;
  /** Aborted when the server begins to stop. */
  readonly stopping: AbortSignal;
  /** Refuses new work, ends streams and long calls, waits for the rest up to `graceMs`, then cuts. */
  stop(graceMs?: number): Promise<void>;
}

export function createServer(options: ServerOptions): RpcServer {
  const server = new Server({
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
    'grpc-node.flow_control_window': 1024 * 1024,
    interceptors: [takeFirstValues],
  });
  forgetFarDeadlines(server);
  const stopping = new AbortController();
  const around: CallSurroundings = {
    logger: options.logger,
    defaultNamespace: options.defaultNamespace ?? DEFAULT_NAMESPACE,
    callLogLevel: options.callLogLevel ?? 'debug',
    stopping: stopping.signal,
    ...(options.tracer === undefined ? {} : { tracer: options.tracer }),
    ...(options.observer === undefined ? {} : { observer: options.observer }),
  };
  const names: string[] = [];
  const sockets: string[] = [];
  const listeners: NetServer[] = [];
  // grpc-js itself listens at names only, never on a socket that was handed over.
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const connections = new OpenConnections();
  const take = (stream: Duplex): void => {
    connections.add(stream);
    injector.injectConnection(stream);
  };
  const local = new LocalServer(around);
  const health = new HealthStatus();

  const addRawService: RpcServer['addRawService'] = (definition, handlers) => {
    server.addService(definition, handlers);
    names.push(serviceName(definition));
  };
  const addService: RpcServer['addService'] = (definition, handlers, add = {}) => {
    const long = new Set<string>(add.longCalls);
    const methods = Object.keys(definition).map((name) => {
      const method = definition[name] as MethodDefinition<unknown, unknown>;
      const handler = handlers[name as keyof typeof handlers].bind(handlers) as never;
      local.add(method, handler, long.has(name));
      return [name, adapt(around, method, handler, long.has(name))];
    });
    addRawService(definition, Object.fromEntries(methods) as UntypedServiceImplementation);
  };

  health.addTo(addService);
  addReflection(addService, names);

  return {
    addService,
    addRawService,
    async listen(socketPath, mode = 0o600) {
      await publishSocket(socketPath, mode, async (place) => {
        listeners.push(await accept(place, take));
      });
      sockets.push(socketPath);
      local.appear(socketPath);
      health.set(names, true);
    },
    serveStream: take,
    stopping: stopping.signal,
    setServing: (serving) => health.set(names, serving),
    async stop(graceMs = 5000) {
      health.set(names, false);
      local.disappear();
      for (const listener of listeners.splice(0)) listener.close();
      await Promise.all(sockets.splice(0).map(retractSocket));
      stopping.abort();
      const cut = after(graceMs, () => {
        server.forceShutdown();
        local.cut();
        connections.cut();
      });
      await Promise.all([new Promise<void>((resolve) => server.tryShutdown(() => resolve())), connections.none(), local.idle()]);
      cut.cancel();
    },
  };
}

function adapt(around: CallSurroundings, method: MethodDefinition<unknown, unknown>, handler: never, long: boolean): UntypedHandleCall {
  if (method.requestStream) return method.responseStream ? serveBidi(around, handler) : serveClientStream(around, handler);
  return method.responseStream ? serveServerStream(around, handler) : serveUnary(around, handler, long);
}

function accept(place: ListenPlace, connected: (socket: Socket) => void): Promise<NetServer> {
  return new Promise((resolve, reject) => {
    const server = createNetServer(connected);
    server.once('error', reject);
    server.listen({ ...place, backlog: BACKLOG }, () => {
      server.off('error', reject);
      resolve(server);
    });
  });
}
