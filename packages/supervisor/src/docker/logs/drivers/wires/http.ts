import { Agent, type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http';
import { Agent as SecureAgent, request as requestHttps } from 'node:https';
import { buffer as readAll } from 'node:stream/consumers';
import { getCACertificates, type SecureContextOptions } from 'node:tls';
import { hasCode } from '@gantry/linux';
import { after, unavailable } from '@gantry/rpc';
import { driverEnvironment } from '../config';
import { dialFailed, systemText } from './wire';

export interface HttpAsked {
  readonly method: 'GET' | 'POST' | 'PUT' | 'OPTIONS';
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
  readonly timeoutMs?: number;
}

export interface HttpAnswer {
  readonly status: number;
  /** As Go tells it: `404 Not Found`. */
  readonly statusText: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly text: string;
}

export type HttpTls = SecureContextOptions & { readonly rejectUnauthorized?: boolean; readonly servername?: string };

const TIMEOUT_MS = 30_000;
/** Bytes of an answer that are read at all. */
const MOST_ANSWER = 256 * 1024;

/** What is never asked by way of a proxy: this host, and what a cloud has on its link. */
const NEAR = /^(?:localhost|127\.|169\.254\.|\[::1\]|metadata\.google\.internal$)/;

/** Asks one server again and again, over connections that stay. */
export class HttpClient {
  private readonly agents = new Map<string, Agent>();

  constructor(private readonly tls: HttpTls = {}) {}

  /** Rejects with unavailable, in Go's words, when there is no answer. */
  async ask(asked: HttpAsked, signal: AbortSignal): Promise<HttpAnswer> {
    const late = new AbortController();
    const timer = after(asked.timeoutMs ?? TIMEOUT_MS, () => late.abort());
    try {
      return await this.tries(asked, { signal, whole: AbortSignal.any([signal, late.signal]) });
    } finally {
      timer.cancel();
    }
  }

  private async tries(
    asked: HttpAsked,
    { signal, whole }: { readonly signal: AbortSignal; readonly whole: AbortSignal },
  ): Promise<HttpAnswer> {
    for (let again = false; ; again = true) {
      let request: ClientRequest | undefined;
      try {
        request = this.send(asked, whole);
        return await answer(request, asked.body);
      } catch (error) {
        signal.throwIfAborted();
        // A connection that lay idle may end as it is used: that says nothing of the server.
        if (!again && request?.reusedSocket === true && (hasCode(error, 'ECONNRESET') || hasCode(error, 'EPIPE'))) continue;
        throw failed(asked, error);
      }
    }
  }

  close(): void {
    for (const agent of this.agents.values()) agent.destroy();
  }

  private send({ method, url, headers, body }: HttpAsked, signal: AbortSignal): ClientRequest {
    const length = body === undefined ? {} : { 'Content-Length': String(body.length) };
    const options = { method, agent: this.agentOf(url), headers: { ...headers, ...length }, signal };
    return url.protocol === 'https:' ? requestHttps(url, options) : requestHttp(url, options);
  }

  private agentOf({ protocol, hostname }: URL): Agent {
    const key = `${protocol}${hostname}`;
    const known = this.agents.get(key);
    if (known !== undefined) return known;
    const common = { keepAlive: true, ...(NEAR.test(hostname) ? {} : { proxyEnv: driverEnvironment() as NodeJS.ProcessEnv }) };
    const agent = protocol === 'https:' ? new SecureAgent({ ...common, ca: getCACertificates('system'), ...this.tls }) : new Agent(common);
    this.agents.set(key, agent);
    return agent;
  }
}

async function answer(request: ClientRequest, body: Buffer | undefined): Promise<HttpAnswer> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request.once('response', resolve);
    request.on('error', reject);
    request.end(body);
  });
  const { statusCode = 0, statusMessage = '', headers } = response;
  let left = MOST_ANSWER;
  response.on('data', (bytes: Buffer) => {
    left -= bytes.length;
    if (left < 0) response.destroy(new Error(`an answer is longer than ${MOST_ANSWER} bytes`));
  });
  const text = (await readAll(response)).toString();
  return { status: statusCode, statusText: `${statusCode} ${statusMessage}`, headers, text };
}

function failed({ method, url }: HttpAsked, error: unknown): Error {
  const { name, syscall, port, address } = error as NodeJS.ErrnoException & { port?: number; address?: string };
  const verb = `${method.charAt(0)}${method.slice(1).toLowerCase()} ${JSON.stringify(url.href)}`;
  if (name === 'AbortError' || name === 'TimeoutError') return unavailable(`${verb}: context deadline exceeded`, { cause: error });
  const words =
    syscall === 'connect' || syscall === 'getaddrinfo'
      ? dialFailed('tcp', address === undefined ? url.host : `${address}:${port}`, error).message
      : systemText(error);
  return unavailable(`${verb}: ${words}`, { cause: error });
}
