import { RETRIES } from './transient';
import { lookup as resolveName, type LookupAddress } from 'node:dns';
import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { isIP } from 'node:net';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream';
import { after, cancelled, deadlineExceeded, forbidden, unavailable } from '@gantry/rpc';
import { dialWords } from './dial-words';
import { lentBody } from './lending';
import { noProxies, Proxies } from './proxies';
import { Agents, plainTransport, type Transport } from './transport';
import { proxyRequest } from './tunnel';

export interface Request {
  readonly method: string;
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | Readable;
  readonly signal?: AbortSignal | undefined;
  /** How the host is connected to; without one as any host of the world. */
  readonly transport?: Transport;
  /** The address came from a registry's answer, not from the user: it must not lead into this machine's own networks. */
  readonly foreign?: boolean;
}

export interface Response {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: IncomingMessage;
  readonly patience: Patience;
}

/** How long a peer may take. */
export interface Patience {
  /** Silence on a connection, milliseconds, until it is given up. */
  readonly idleMs: number;
  /** A body that brings less than windowBytes in so many milliseconds is dripping on purpose. */
  readonly windowMs: number;
  readonly windowBytes: number;
  /** Milliseconds before the first further attempt; each later one waits twice as long. */
  readonly pauseMs: number;
  /** Attempts after the first. */
  readonly retries: number;
  /** Bytes in a millisecond from which on a connection is left to do a blob alone. */
  readonly enough: number;
}

export const PATIENCE: Patience = {
  idleMs: 60_000,
  windowMs: 120_000,
  windowBytes: 64 << 10,
  pauseMs: 500,
  retries: RETRIES,
  enough: 64_000,
};

/** Exchanges over connections that are kept per registry. */
export class HttpClient {
  private readonly agents = new Agents();

  constructor(
    private readonly userAgent: string,
    readonly patience: Patience = PATIENCE,
    private readonly proxies = new Proxies(noProxies),
  ) {}

  close(): void {
    this.agents.destroy();
  }

  /** One exchange; redirects are the caller's. Rejects with unavailable when the host cannot be reached. */
  send(request: Request): Promise<Response> {
    const { url, method, body, signal } = request;
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(cancelled(`${method} ${url.host} was cancelled`, { cause: signal.reason }));
        return;
      }
      if (request.foreign === true && isForbidden(url.hostname)) {
        reject(forbidden(`redirect to ${url.host} refused: it is a link-local or loopback address`));
        return;
      }
      const tls = url.protocol === 'https:';
      const transport = request.transport ?? plainTransport;
      const proxy = this.proxies.for(url);
      const agent = this.agents.agent(url, transport, proxy);
      const headers: Record<string, string> = { 'User-Agent': this.userAgent, ...request.headers };
      if (Buffer.isBuffer(body)) headers['Content-Length'] = String(body.length);
      const options = { method, headers, agent, ...(signal === undefined ? {} : { signal }) };
      const outgoing =
        proxy !== undefined && !tls
          ? proxyRequest(proxy, { ...options, path: `${url.origin}${url.pathname}${url.search}`, headers: { Host: url.host, ...headers } })
          : (tls ? https : http).request(url, {
              ...options,
              ...(request.foreign === true && proxy === undefined ? { lookup: guardedLookup } : {}),
            }); // a proxy looks names up itself
      const { patience } = this;
      outgoing.setTimeout(patience.idleMs, () =>
        outgoing.destroy(deadlineExceeded(`no answer from ${url.host} within ${patience.idleMs / 1000} s`)),
      );
      dialWithin(outgoing, url, transport.dialTimeout);
      outgoing.on('response', (incoming) =>
        resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: incoming, patience }),
      );
      outgoing.on('error', (error: NodeJS.ErrnoException) => {
        if ('kind' in error) reject(error);
        else if (signal?.aborted === true) reject(cancelled(`${method} ${url.host} was cancelled`, { cause: error }));
        else reject(unavailable(`${title(method)} "${url.origin}${url.pathname}": ${dialWords(error, url)}`, { cause: error }));
      });
      if (body === undefined || Buffer.isBuffer(body)) outgoing.end(body);
      else pipeline(body, outgoing, () => undefined);
    });
  }
}

/** Gives a connection up that does not come about in time (TLS included). */
function dialWithin(outgoing: http.ClientRequest, url: URL, ms: number): void {
  outgoing.on('socket', (socket) => {
    if (!socket.connecting) return;
    const timer = after(ms, () =>
      outgoing.destroy(
        unavailable(`dial tcp ${url.host}: no connection within ${ms / 1000} s`, {
          cause: Object.assign(new Error('dial timeout'), { code: 'EHOSTUNREACH' }),
        }),
      ),
    );
    const done = (): void => timer.cancel();
    for (const event of [url.protocol === 'https:' ? 'secureConnect' : 'connect', 'error', 'close']) socket.once(event, done);
  });
}

const title = (method: string): string => method[0] + method.slice(1).toLowerCase();

/** Link-local (also the clouds' metadata services) and loopback addresses: what answers there is not a registry's storage. */
function isForbidden(host: string): boolean {
  const address = host.replace(/^\[|\]$/g, '').toLowerCase();
  const plain = address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
  if (isIP(plain) === 4)
    return (
      plain.startsWith('169.254.') ||
      plain.startsWith('127.') ||
      plain.startsWith('0.') ||
      plain === '100.100.100.200' ||
      plain === '168.63.129.16'
    );
  if (isIP(address) === 6)
    return /^fe[89ab]/.test(address) || address === '::1' || address === '::' || address === 'fd00:ec2::254' || isMapped(address);
  return plain === 'localhost' || plain.endsWith('.localhost');
}

/** An IPv4 address in an IPv6 one, as URLs write it: `::ffff:a9fe:a9fe`. */
function isMapped(address: string): boolean {
  const groups = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(address);
  if (groups === null) return false;
  const [high, low] = [parseInt(groups[1] ?? '', 16), parseInt(groups[2] ?? '', 16)];
  return isForbidden([high >> 8, high & 255, low >> 8, low & 255].join('.'));
}

function guardedLookup(
  host: string,
  options: object,
  done: (error: NodeJS.ErrnoException | null, address: string | LookupAddress[], family?: number) => void,
): void {
  resolveName(host, { ...options, all: true }, (error, addresses) => {
    if (error !== null) {
      done(error, '');
      return;
    }
    const bad = addresses.find(({ address }) => isForbidden(address));
    if (bad !== undefined) {
      done(forbidden(`redirect to ${host} refused: it leads to ${bad.address}`) as unknown as NodeJS.ErrnoException, '');
      return;
    }
    if ((options as { all?: boolean }).all === true) done(null, addresses);
    else done(null, addresses[0]?.address ?? '', addresses[0]?.family ?? 4);
  });
}

/** A body's bytes, given up when they only drip. lent: a part is the reader's until it asks for the next one. */
export async function* bodyOf(response: Response, name: string, lent = false): AsyncGenerator<Buffer> {
  const { windowMs, windowBytes } = response.patience;
  let started = Date.now();
  let bytes = 0;
  try {
    for await (const part of lent ? lentBody(response.body) : (response.body as AsyncIterable<Buffer>)) {
      bytes += part.length;
      if (Date.now() - started > windowMs) {
        if (bytes < windowBytes) throw deadlineExceeded(`${name} comes too slowly: ${bytes} bytes in ${windowMs / 1000} s`);
        started = Date.now();
        bytes = 0;
      }
      yield part;
    }
  } finally {
    response.body.destroy();
  }
}

/** A small body, capped. */
export async function readBody(response: Response, limit: number, name: string): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of bodyOf(response, name)) {
    size += part.length;
    if (size > limit) throw forbidden(`${name} is larger than ${limit} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}
