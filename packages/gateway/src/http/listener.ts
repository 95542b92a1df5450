import { chownSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerOptions } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { BACKLOG, forbidden, type ListenPlace, type Logger, publishSocket, retractSocket, takeHeldSocket } from '@gantry/rpc';
import { sendError } from './answer';
import type { Dispatcher } from './dispatch';
import { fromWebPage, hostAllowed } from './host-check';
import { endpointOf, isLocal, type ListenAddress } from './listen-address';

export interface TlsFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  /** Clients must show a certificate of `ca`. */
  readonly verify: boolean;
}

export interface ListenerOptions {
  readonly address: ListenAddress;
  readonly dispatcher: Dispatcher;
  readonly logger: Logger;
  /** Group of a unix socket. */
  readonly gid?: number;
  readonly tls?: TlsFiles;
  /** Names that a TCP request's Host header may have. */
  readonly hostNames: readonly string[];
}

/** The header block's limit of Go's server is 1 MiB; X-Registry-Config of a build can be long. */
const HEADER_BYTES = 256 * 1024;
const HEADERS_MS = 60_000;

/** One -H: a unix socket or a TCP port. */
export class Listener {
  private server: Server | undefined;
  private readonly sockets = new Set<Socket>();
  private stopping = false;

  constructor(private readonly options: ListenerOptions) {}

  /** Where it listens; the real port when 0 was asked for. */
  get address(): string {
    const { address } = this.options;
    if (address.kind === 'unix') return `unix://${address.path}`;
    if (isLocal(address) && address.kind === 'fd') return `unix://${address.address}`;
    const bound = this.server?.address() as AddressInfo | undefined;
    return `tcp://${endpointOf({ host: bound?.address ?? '', port: bound?.port ?? 0 })}`;
  }

  async start(): Promise<void> {
    const server = await this.create();
    this.server = server;
    server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) =>
      this.options.dispatcher.upgrade(request, socket, head),
    );
    server.on('connection', (socket: Socket) => {
      this.sockets.add(socket);
      socket.once('close', () => this.sockets.delete(socket));
    });
    server.on('clientError', (_error, socket) => {
      if (socket.writable && !socket.destroyed)
        socket.end('HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n400 Bad Request');
      else socket.destroy();
    });
    const { address, gid } = this.options;
    if (address.kind === 'fd') return listen(server, { fd: address.fd });
    if (address.kind === 'tcp') {
      const fd = takeHeldSocket(endpointOf(address));
      return listen(server, fd === undefined ? { host: address.host, port: address.port } : { fd });
    }
    await publishSocket(address.path, 0o660, async (place, file) => {
      if (gid !== undefined && 'fd' in place) chownSync(file, 0, gid);
      await listen(server, place);
      if (gid !== undefined && 'path' in place) chownSync(file, 0, gid);
    });
  }

  /** Accepts nothing new, lets requests and hijacked streams go on until the deadline, then cuts what is left. */
  async stop(graceMs: number): Promise<void> {
    this.stopping = true;
    const { server } = this;
    if (server === undefined) return;
    if (this.options.address.kind === 'unix') await retractSocket(this.options.address.path);
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeIdleConnections();
    const deadline = Date.now() + graceMs;
    while (this.sockets.size > 0 && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      server.closeIdleConnections();
    }
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }

  private served(request: IncomingMessage): boolean {
    const { address, tls, hostNames } = this.options;
    // Whoever shows a certificate was not led here by another's name for this host.
    return isLocal(address) || ((tls?.verify === true || hostAllowed(request.headers.host, hostNames)) && !fromWebPage(request.headers));
  }

  private async create(): Promise<Server> {
    const { dispatcher, tls } = this.options;
    const options: ServerOptions = {
      keepAlive: false,
      keepAliveTimeout: 0, // as dockerd: a client's idle connection must not vanish under its next request
      requestTimeout: 0, // uploads take as long as they take
      headersTimeout: HEADERS_MS,
      maxHeaderSize: HEADER_BYTES,
      shouldUpgradeCallback: (request) => this.served(request) && dispatcher.wantsUpgrade(request),
    };
    const listener: RequestListener = (request, response) => {
      if (this.stopping) response.setHeader('Connection', 'close');
      if (!this.served(request)) {
        sendError(response, forbidden(`host ${JSON.stringify(request.headers.host ?? '')} is not served here, nor is a web page`));
        return;
      }
      dispatcher.handle(request, response);
    };
    if (tls === undefined) return createServer(options, listener);
    const [ca, cert, key] = await Promise.all([readFile(tls.ca), readFile(tls.cert), readFile(tls.key)]);
    return createTlsServer(
      // A client of attach says "no more input" and goes on reading; node:http has that by itself, node:https has not.
      { ...options, allowHalfOpen: true, ca, cert, key, requestCert: tls.verify, rejectUnauthorized: tls.verify, minVersion: 'TLSv1.2' },
      listener,
    );
  }
}

function listen(server: Server, where: ListenPlace | { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ ...where, backlog: BACKLOG }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
