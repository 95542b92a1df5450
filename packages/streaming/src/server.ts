import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, isIPv6, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Duplex } from 'node:stream';
import { BACKLOG, invalidArgument, type Logger } from '@gantry/rpc';
import { PORT_LIMIT } from './forward/websocket';
import { negotiate, notFoundPage, parsePath, type Refusal, refuse, unknownToken } from './http';
import type { StreamingRequest } from './requests';
import type { AttachRequest, ExecRequest, PortForwardRequest, ProcessWishes, StreamingRuntime } from './runtime';
import { serveSession } from './session';
import { Tokens } from './tokens';

/** Milliseconds; the original's values. */
const TOKEN_MS = 60_000;
const CREATION_MS = 30_000;
const IDLE_MS = 4 * 3600 * 1000;
const TOKEN_LIMIT = 1000;
/** A client's head of a request: bytes, and milliseconds that it may take. */
const HEAD_LIMIT = 16 * 1024;
const HEAD_MS = 10_000;
const CONNECTION_LIMIT = 4096;
/** TCP tells of clients whose machine is gone. */
const KEEP_ALIVE_MS = 30_000;

export interface StreamingOptions {
  readonly runtime: StreamingRuntime;
  readonly logger: Logger;
  /** Where it listens. Default 127.0.0.1, which is what a kubelet of the same machine wants. */
  readonly address?: string;
  /** 0, the default: any free one. */
  readonly port?: number;
  /** PEM texts; without them it speaks plain HTTP. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Milliseconds that a token waits for its client. Default one minute. */
  readonly tokenMs?: number;
  /** Milliseconds in which a client makes its streams. Default 30 s. */
  readonly creationMs?: number;
  /** Milliseconds after which a connection without a byte in either direction is cut. Default 4 h. */
  readonly idleMs?: number;
}

/** Kubelet's streaming server: gives addresses with tokens that work once, and serves the clients that come with them. */
export class StreamingServer {
  readonly #tokens: Tokens<StreamingRequest>;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #sessions = new Set<Promise<void>>();
  readonly #options: StreamingOptions;

  constructor(options: StreamingOptions) {
    this.#options = options;
    this.#tokens = new Tokens({ lifetimeMs: options.tokenMs ?? TOKEN_MS, limit: TOKEN_LIMIT });
    const http = { maxHeaderSize: HEAD_LIMIT, headersTimeout: HEAD_MS, requestTimeout: HEAD_MS, keepAliveTimeout: HEAD_MS };
    this.#server = options.tls === undefined ? createServer(http) : createTlsServer({ ...http, ...options.tls });
    this.#server.maxConnections = CONNECTION_LIMIT;
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      socket.setKeepAlive(true, KEEP_ALIVE_MS).setNoDelay(true);
    });
    this.#server.on('request', (request, response) => {
      const refusal = this.#admit(request);
      const { code, text, headers = {} } = 'code' in refusal ? refusal : { code: 400, text: 'unable to upgrade: no request for it' };
      response.writeHead(code, { ...headers, 'content-type': 'text/plain; charset=utf-8' }).end(`${text}\n`);
    });
    this.#server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host: this.#options.address ?? '127.0.0.1', port: this.#options.port ?? 0, backlog: BACKLOG }, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
  }

  /** Where clients find it: `http://127.0.0.1:40311`. */
  get baseUrl(): string {
    const { address, port } = this.#server.address() as AddressInfo;
    const host = address === '0.0.0.0' || address === '::' ? outerAddress(address) : address;
    return `${this.#options.tls === undefined ? 'http' : 'https'}://${isIPv6(host) ? `[${host}]` : host}:${port}`;
  }

  /** Connections whose clients are served now. */
  get sessions(): number {
    return this.#sessions.size;
  }

  /** The address at which a client runs a command once. Errors: invalidArgument for streams that do not go together, resourceExhausted. */
  exec(request: ExecRequest): string {
    return this.#issue({ verb: 'exec', ...checked(request) });
  }

  /** The address at which a client is connected to a container once. Errors as exec's. */
  attach(request: AttachRequest): string {
    return this.#issue({ verb: 'attach', ...checked(request) });
  }

  /** The address at which a client gets connections to ports of a pod, over one connection of its own. Errors: invalidArgument, resourceExhausted. */
  portForward(request: PortForwardRequest): string {
    for (const port of request.ports)
      if (!Number.isInteger(port) || port < 1 || port > 65535) throw invalidArgument(`port ${port} is not between 1 and 65535`);
    if (request.ports.length > PORT_LIMIT) throw invalidArgument(`${request.ports.length} ports, more than ${PORT_LIMIT}`);
    return this.#issue({ verb: 'portforward', ...request });
  }

  /** Cuts every client off; resolves when the runtime is done with all of them. */
  async close(): Promise<void> {
    this.#tokens.clear();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all([...this.#sessions, ...(this.#server.listening ? [closed] : [])]);
  }

  #issue(request: StreamingRequest): string {
    return `${this.baseUrl}/${request.verb}/${this.#tokens.issue(request)}`;
  }

  /** What a client may have; its token is spent, whatever the answer. */
  #admit(request: IncomingMessage) {
    const path = parsePath(request.url);
    if (path === undefined || (request.method !== 'GET' && request.method !== 'POST')) return notFoundPage;
    const found = this.#tokens.spend(path.token);
    if (found === undefined || found.verb !== path.verb) return unknownToken;
    const upgrade = negotiate(request, found.verb);
    return 'code' in upgrade ? upgrade : { request: found, upgrade };
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const admitted: Refusal | { request: StreamingRequest; upgrade: Exclude<ReturnType<typeof negotiate>, Refusal> } = this.#admit(request);
    if ('code' in admitted) return refuse(socket, admitted);
    const { runtime, logger, creationMs = CREATION_MS, idleMs = IDLE_MS } = this.#options;
    (socket as Socket).setTimeout(idleMs, () => socket.destroy());
    const session = serveSession({ runtime, logger, creationMs }, { request, socket, head }, admitted);
    this.#sessions.add(session);
    void session.finally(() => this.#sessions.delete(session));
  }
}

/** CRI's rules, in the original's words. */
function checked<T extends ProcessWishes>(request: T): T {
  if (request.tty && request.stderr) throw invalidArgument('tty and stderr cannot both be true');
  if (!request.stdin && !request.stdout && !request.stderr) throw invalidArgument('one of stdin, stdout, or stderr must be set');
  return request;
}

/** An address of this machine that others reach, for a server that listens on all. */
function outerAddress(wildcard: string): string {
  const all = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  const family = wildcard === '::' ? ['IPv6', 'IPv4'] : ['IPv4'];
  const found = family.flatMap((name) => all.filter((each) => each.family === name && !each.internal && !each.address.startsWith('fe80:')));
  return found[0]?.address ?? (wildcard === '::' ? '::1' : '127.0.0.1');
}
