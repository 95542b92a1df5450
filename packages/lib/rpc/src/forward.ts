import {
  type handleBidiStreamingCall,
  Metadata,
  type MethodDefinition,
  type ServerDuplexStream,
  type ServiceDefinition,
  status as Code,
  type StatusObject,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { Connection } from './client';
import { unavailable } from './errors';
import { VIA_KEY } from './metadata-names';
import { passLocally } from './pass-locally';
import type { RpcServer } from './server';
import { toStatus } from './status';

const asIs = (bytes: Buffer): Buffer => bytes;

/** Headers that belong to one hop. */
const hopHeaders = new Set([
  'user-agent',
  'grpc-accept-encoding',
  'grpc-encoding',
  'accept-encoding',
  'grpc-timeout',
  'content-type',
  'te',
]);

/**
 * Serves a whole service by passing every call's bytes to another server: messages are never decoded on the way, so fields that this side does not
 * know survive. Unary calls to a server of this process go to it without a socket. Metadata (namespace, traceparent, lease) and trailers pass, deadlines and cancellation too, with back-pressure both ways. via: what the
 * other server is told of who passes the call on.
 */
export function forwardService(server: RpcServer, definition: ServiceDefinition, target: Connection, via = ''): void {
  // On the wire every kind of call is two message streams, so one two-way pass-through serves them all.
  const raw = Object.entries(definition).map(([name, method]): [string, MethodDefinition<Buffer, Buffer>] => [
    name,
    {
      path: method.path,
      requestStream: true,
      responseStream: true,
      requestSerialize: asIs,
      requestDeserialize: asIs,
      responseSerialize: asIs,
      responseDeserialize: asIs,
    },
  ]);
  const handlers = Object.entries(definition).map(([name, { path, requestStream, responseStream }]) => {
    const unary = !requestStream && !responseStream;
    return [name, forwardTo(target, { path, unary, stopping: server.stopping }, via)];
  });
  server.addRawService(Object.fromEntries(raw), Object.fromEntries(handlers) as UntypedServiceImplementation);
}

interface Passed {
  readonly path: string;
  readonly unary: boolean;
  /** Of the server that passes it on: ends streams. */
  readonly stopping: AbortSignal;
}

function forwardTo(target: Connection, { path, unary, stopping }: Passed, via: string): handleBidiStreamingCall<Buffer, Buffer> {
  return (inbound) => {
    const metadata = withVia(passedOn(inbound.metadata), via);
    const near = unary ? target.nearby(path) : undefined;
    if (near !== undefined) return passLocally(near, inbound, metadata);
    const deadline = inbound.getDeadline();
    const outbound = target.raw.makeBidiStreamRequest(path, asIs, asIs, metadata, Number.isFinite(Number(deadline)) ? { deadline } : {});

    inbound.on('cancelled', () => outbound.cancel());
    inbound.on('data', (message: Buffer) => {
      if (outbound.write(message)) return;
      inbound.pause();
      outbound.once('drain', () => inbound.resume());
    });
    inbound.on('end', () => outbound.end());
    inbound.on('error', () => outbound.cancel());

    outbound.on('metadata', (headers: Metadata) => inbound.sendMetadata(passedOn(headers)));
    outbound.on('data', (message: Buffer) => {
      if (inbound.write(message)) return;
      outbound.pause();
      inbound.once('drain', () => outbound.resume());
    });
    outbound.on('error', () => undefined); // told again as status
    let told = false;
    const stop = (): void => {
      told = true;
      inbound.emit('error', toStatus(unavailable(`${path} ended: the service stops`)));
    };
    if (!unary) stopping.addEventListener('abort', stop, { once: true });
    outbound.on('status', (end: StatusObject) => {
      stopping.removeEventListener('abort', stop);
      if (!told) finish(inbound, end, target);
    });
  };
}

function finish(inbound: ServerDuplexStream<Buffer, Buffer>, end: StatusObject, target: Connection): void {
  if (inbound.cancelled) return;
  if (end.code === Code.OK) {
    inbound.end(passedOn(end.metadata));
  } else if (end.code === Code.UNAVAILABLE && /^No connection established|ECONNREFUSED|ENOENT/.test(end.details)) {
    inbound.emit('error', toStatus(unavailable(`nobody answers on ${target.socketPath}`)));
  } else {
    inbound.emit('error', { code: end.code, details: end.details, metadata: passedOn(end.metadata) });
  }
}

/** Nobody but us says who passed a call on. */
function withVia(metadata: Metadata, via: string): Metadata {
  if (via === '') metadata.remove(VIA_KEY);
  else metadata.set(VIA_KEY, via);
  return metadata;
}

function passedOn(metadata: Metadata): Metadata {
  const copy = new Metadata();
  for (const key of Object.keys(metadata.getMap())) {
    if (hopHeaders.has(key) || key.startsWith(':')) continue;
    for (const value of metadata.get(key)) copy.add(key, value);
  }
  return copy;
}
