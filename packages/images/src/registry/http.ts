import { lookup as resolveName, type LookupAddress } from 'node:dns';
import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { isIP } from 'node:net';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream';
import { cancelled, deadlineExceeded, forbidden, unavailable } from '@gantry/rpc';

export interface Request {
  readonly method: string;
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | Readable;
  readonly signal?: AbortSignal | undefined;
  /** Accept any certificate: configured as insecure. */
  readonly insecure?: boolean;
  /** The address came from a registry's answer, not from the user: it must not lead into this machine's own networks. */
  readonly foreign?: boolean;
}

export interface Response {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: IncomingMessage;
}

/** Silence on a connection, milliseconds, until it is given up. */
const IDLE_MS = 60_000;
/** A body that brings less than this in a window is dripping on purpose. */
const WINDOW_MS = 120_000;
const WINDOW_BYTES = 64 << 10;

/** Connections kept per registry; own agents, so that two engines in one process share nothing. */
export class HttpClient {
  private readonly plain = new http.Agent({ keepAlive: true, maxSockets: 64 });
  private readonly secure = new https.Agent({ keepAlive: true, maxSockets: 64 });
  private readonly lax = new https.Agent({ keepAlive: true, maxSockets: 64, rejectUnauthorized: false });

  constructor(private readonly userAgent: string) {}

  close(): void {
    for (const agent of [this.plain, this.secure, this.lax]) agent.destroy();
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
      const agent = tls ? (request.insecure === true ? this.lax : this.secure) : this.plain;
      const headers: Record<string, string> = { 'User-Agent': this.userAgent, ...request.headers };
      if (Buffer.isBuffer(body)) headers['Content-Length'] = String(body.length);
      const outgoing = (tls ? https : http).request(url, {
        method,
        headers,
        agent,
        ...(signal === undefined ? {} : { signal }),
        ...(request.foreign === true ? { lookup: guardedLookup } : {}),
      });
      outgoing.setTimeout(IDLE_MS, () => outgoing.destroy(deadlineExceeded(`no answer from ${url.host} within ${IDLE_MS / 1000} s`)));
      outgoing.on('response', (incoming) => resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: incoming }));
      outgoing.on('error', (error: NodeJS.ErrnoException) => {
        if ('kind' in error) reject(error);
        else if (signal?.aborted === true) reject(cancelled(`${method} ${url.host} was cancelled`, { cause: error }));
        else reject(unavailable(`${title(method)} "${url.origin}${url.pathname}": ${reason(error, url)}`, { cause: error }));
      });
      if (body === undefined || Buffer.isBuffer(body)) outgoing.end(body);
      else pipeline(body, outgoing, () => undefined);
    });
  }
}

const title = (method: string): string => method[0] + method.slice(1).toLowerCase();

/** Go's words, which people know from docker. */
function reason(error: NodeJS.ErrnoException, url: URL): string {
  const { code, syscall, address, port } = error as NodeJS.ErrnoException & { address?: string; port?: number };
  if (code === 'ECONNREFUSED') return `dial tcp ${address ?? url.hostname}:${port ?? url.port}: connect: connection refused`;
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `dial tcp: lookup ${url.hostname}: no such host`;
  if (code === 'EPROTO') return 'http: server gave HTTP response to HTTPS client';
  return syscall === undefined ? error.message : `${syscall}: ${error.message}`;
}

/** Link-local and loopback addresses: what answers there is not a registry's storage. */
function isForbidden(host: string): boolean {
  const address = host.replace(/^\[|\]$/g, '').toLowerCase();
  const plain = address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
  if (isIP(plain) === 4) return plain.startsWith('169.254.') || plain.startsWith('127.') || plain.startsWith('0.');
  if (isIP(plain) === 6) return /^fe[89ab]/.test(plain) || plain === '::1' || plain === '::';
  return plain === 'localhost' || plain.endsWith('.localhost');
}

function guardedLookup(host: string, options: object, done: (error: NodeJS.ErrnoException | null, address: string | LookupAddress[], family?: number) => void): void {
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

/** A body's bytes, given up when they only drip. */
export async function* bodyOf(response: Response, name: string): AsyncGenerator<Buffer> {
  let started = Date.now();
  let bytes = 0;
  try {
    for await (const chunk of response.body) {
      const part = chunk as Buffer;
      bytes += part.length;
      if (Date.now() - started > WINDOW_MS) {
        if (bytes < WINDOW_BYTES) throw deadlineExceeded(`${name} comes too slowly: ${bytes} bytes in ${WINDOW_MS / 1000} s`);
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
