import type { Readable } from 'node:stream';
import { dataLoss, errorText, type Logger, unauthorized, unavailable } from '@gantry/rpc';
import type { Authorizer } from './auth';
import type { Endpoint } from './endpoints';
import type { HttpClient, Response } from './http';
import { isLoopback } from './loopback';
import { strangers } from './transport';
import { backOff, isBearable, isRefused, isTransient, RETRIED_STATUS, retryAfter } from './transient';

export interface Call {
  readonly method: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** A stream is made anew for each attempt, and is sent once only unless the registry refuses it before reading. */
  readonly body?: Buffer | (() => Readable);
  readonly signal?: AbortSignal | undefined;
  readonly scope: string;
}

const REDIRECTS = 5;
const REDIRECT_STATUS: readonly number[] = [301, 302, 303, 307, 308];

/** Requests to one endpoint: answers challenges of its own host, follows redirects of reads without its credentials, tries again where it may help. */
export class Calls {
  constructor(
    private readonly http: HttpClient,
    readonly endpoint: Endpoint,
    private readonly authorizer: Authorizer,
    private readonly logger: Logger,
  ) {}

  /** Milliseconds before the first further attempt. */
  get pauseMs(): number {
    return this.http.patience.pauseMs;
  }

  /** Attempts after the first. */
  get retries(): number {
    return this.http.patience.retries;
  }

  /** Bytes in a millisecond that are enough of one connection. */
  get enough(): number {
    return this.http.patience.enough;
  }

  /** URL of a path below the API's root. */
  url(rest: string): URL {
    const { base, api, namespace } = this.endpoint;
    const url = new URL(`${api}/${rest}`, base);
    if (namespace !== '') url.searchParams.set('ns', namespace);
    return url;
  }

  /** One exchange with its retries. Resolves with whatever status the registry settled on. */
  async send(url: URL, call: Call): Promise<Response> {
    const own = this.isOwn(url);
    const repeatable = call.body === undefined || Buffer.isBuffer(call.body);
    let header = own ? this.authorizer.known(call.scope) : undefined;
    let challenged = 0;
    for (let failures = 0; ;) {
      let response: Response;
      try {
        response = await this.exchange(url, call, header);
      } catch (error) {
        if (
          !repeatable ||
          call.signal?.aborted === true ||
          !isTransient(error) ||
          isRefused(error) ||
          ++failures > this.http.patience.retries
        )
          throw error;
        this.told(error);
        await backOff(failures, this.pauseMs, { signal: call.signal });
        continue;
      }
      if (response.status === 401 && own && challenged < 1) {
        challenged++;
        response.body.resume();
        header = await this.authorizer.answer(String(response.headers['www-authenticate'] ?? ''), call.scope, header);
        if (header !== undefined) continue;
        throw unauthorized('no basic auth credentials');
      }
      const asked = retryAfter(response);
      if (repeatable && RETRIED_STATUS.includes(response.status) && isBearable(asked) && ++failures <= this.http.patience.retries) {
        response.body.resume();
        this.told(`status ${response.status}`);
        await backOff(failures, this.pauseMs, { signal: call.signal, asked });
        continue;
      }
      return REDIRECT_STATUS.includes(response.status) && (call.method === 'GET' || call.method === 'HEAD')
        ? this.redirected(url, response, call)
        : response;
    }
  }

  /** The status of the API's root, without credentials. Rejects when the host cannot be reached. */
  async probe(signal: AbortSignal | undefined): Promise<Response> {
    const response = await this.exchange(this.url(''), { method: 'GET', signal, scope: '' }, undefined);
    response.body.resume();
    return response;
  }

  /** Where an upload goes on. A registry behind a proxy may forget that it is reached over TLS. */
  location(response: Response, what: string): URL {
    const text = response.headers['location'];
    if (text === undefined) throw dataLoss(`${what}: registry named no location`);
    if (!URL.canParse(text, this.endpoint.base.href)) throw dataLoss(`${what}: registry named the location "${text}"`);
    const url = new URL(text, this.endpoint.base);
    if (url.protocol === 'http:' && this.endpoint.base.protocol === 'https:') {
      if (url.host !== this.endpoint.base.host) throw unavailable(`${what}: registry names ${url.origin}, which is not encrypted`);
      url.protocol = 'https:';
    }
    return url;
  }

  private isOwn(url: URL): boolean {
    return url.origin === this.endpoint.base.origin;
  }

  private exchange(url: URL, call: Call, header: string | undefined): Promise<Response> {
    const { endpoint } = this;
    const own = this.isOwn(url);
    const headers = { ...(own ? endpoint.headers : {}), ...call.headers, ...(header === undefined ? {} : { Authorization: header }) };
    const body = typeof call.body === 'function' ? call.body() : call.body;
    return this.http.send({
      method: call.method,
      url,
      headers,
      ...(body === undefined ? {} : { body }),
      signal: call.signal,
      transport: own ? endpoint.transport : strangers(endpoint.transport),
      foreign: !own && !isLoopback(endpoint.base),
    });
  }

  private async redirected(from: URL, first: Response, call: Call): Promise<Response> {
    let response = first;
    let at = from;
    for (let hops = 0; REDIRECT_STATUS.includes(response.status); hops++) {
      if (hops === REDIRECTS) throw unavailable(`${from.host} redirects more than ${REDIRECTS} times`);
      response.body.resume();
      const text = String(response.headers['location'] ?? '');
      if (!URL.canParse(text, at.href)) throw dataLoss(`${at.host} redirects to "${text}"`);
      const next = new URL(text, at);
      if (next.protocol !== 'https:' && !(next.protocol === 'http:' && (at.protocol === 'http:' || this.endpoint.transport.insecure)))
        throw unavailable(`${at.host} redirects to ${next.protocol}//${next.host}, which is not allowed`);
      response = await this.exchange(next, call, this.isOwn(next) ? this.authorizer.known(call.scope) : undefined);
      at = next;
    }
    return response;
  }

  private told(why: unknown): void {
    this.logger.debug({ host: this.endpoint.base.host, why: errorText(why) }, 'registry call is tried again');
  }
}
