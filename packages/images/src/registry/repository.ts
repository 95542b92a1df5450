import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { mediaTypes, sha256 } from '@gantry/oci';
import { dataLoss, errorText, isErrorOf, type Logger, unauthorized, unavailable } from '@gantry/rpc';
import { MANIFEST_LIMIT } from '../docker/manifest';
import type { Authorizer } from './auth';
import type { Endpoint } from './endpoints';
import { refusal } from './errors';
import { bodyOf, type HttpClient, readBody, type Response } from './http';

export interface FetchedManifest {
  readonly bytes: Buffer;
  readonly mediaType: string;
  readonly digest: string;
}

interface Call {
  readonly method: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | (() => Readable);
  readonly signal?: AbortSignal | undefined;
  readonly scope?: string;
}

const ACCEPT = [mediaTypes.dockerManifest, mediaTypes.dockerManifestList, mediaTypes.ociManifest, mediaTypes.ociIndex, 'application/vnd.docker.distribution.manifest.v1+prettyjws;q=0.5', '*/*;q=0.1'].join(', ');
const REDIRECTS = 5;
const RETRIES = 4;

/** One repository at one endpoint: the calls of the distribution specification. */
export class Repository {
  constructor(
    private readonly http: HttpClient,
    readonly endpoint: Endpoint,
    readonly path: string,
    private readonly authorizer: Authorizer,
    private readonly logger: Logger,
  ) {}

  /** reference: a tag or a digest. The bytes are checked against the digest asked for and the one told. */
  async manifest(reference: string, signal?: AbortSignal): Promise<FetchedManifest> {
    const response = await this.call(`manifests/${reference}`, { method: 'GET', headers: { Accept: ACCEPT }, signal });
    if (response.status !== 200) throw await refusal(response, `manifest ${reference} of ${this.path}`);
    const bytes = await readBody(response, MANIFEST_LIMIT, `manifest ${reference} of ${this.path}`);
    const digest = sha256(bytes);
    const told = response.headers['docker-content-digest'];
    const wanted = reference.includes(':') ? reference : typeof told === 'string' && told.startsWith('sha256:') ? told : digest;
    if (digest !== wanted) throw dataLoss(`manifest ${reference} of ${this.path} has the digest ${digest}, ${wanted} was promised`);
    return { bytes, digest, mediaType: (response.headers['content-type'] ?? '').split(';')[0]?.trim() ?? '' };
  }

  async tags(signal?: AbortSignal): Promise<string[]> {
    const tags: string[] = [];
    let next: string | undefined = 'tags/list?n=1000';
    while (next !== undefined) {
      const response: Response = await this.call(next, { method: 'GET', signal });
      if (response.status !== 200) throw await refusal(response, `tags of ${this.path}`);
      const { tags: page } = JSON.parse((await readBody(response, 8 << 20, `tags of ${this.path}`)).toString()) as { tags?: unknown };
      if (Array.isArray(page)) tags.push(...page.filter((tag) => typeof tag === 'string'));
      const link: string | undefined = /<[^>]*(tags\/list\?[^>]*)>\s*;\s*rel="?next"?/.exec(String(response.headers['link'] ?? ''))?.[1];
      next = link;
    }
    return tags;
  }

  /** Bytes of a blob from an offset on; a connection that breaks is taken up again where it broke. */
  async *blob(digest: string, size: number, offset: number, signal?: AbortSignal): AsyncGenerator<Buffer> {
    let at = offset;
    for (let failures = 0; at < size || size === 0; ) {
      try {
        const headers: Record<string, string> = at > 0 ? { Range: `bytes=${at}-` } : {};
        const response = await this.call(`blobs/${digest}`, { method: 'GET', headers, signal });
        if (response.status !== 200 && response.status !== 206) throw await refusal(response, `blob ${digest}`);
        let skip = response.status === 206 ? 0 : at;
        for await (const part of bodyOf(response, `blob ${digest}`)) {
          const fresh = skip >= part.length ? part.subarray(part.length) : part.subarray(skip);
          skip -= part.length - fresh.length;
          if (fresh.length === 0) continue;
          at += fresh.length;
          failures = 0;
          yield fresh;
        }
        if (at >= size) return;
        throw unavailable(`blob ${digest} ended after ${at} of ${size} bytes`);
      } catch (error) {
        if (signal?.aborted === true || !isTransient(error) || ++failures > RETRIES) throw error;
        this.logger.warn({ digest, at, err: error }, 'download broke off: it is taken up again');
        await sleep(250 * 2 ** failures, undefined, signal === undefined ? {} : { signal });
      }
    }
  }

  async hasBlob(digest: string, signal?: AbortSignal): Promise<boolean> {
    const response = await this.call(`blobs/${digest}`, { method: 'HEAD', signal, scope: this.pushScope });
    response.body.resume();
    return response.status === 200;
  }

  /** Uploads a blob whose size and digest may be known only in the end; from: a repository that may have it already. Returns whether it was mounted. */
  async upload(options: {
    readonly digest?: string;
    readonly from?: string;
    readonly body: () => Readable;
    /** Digest of what body gave, asked after it ended. */
    readonly digestAfter: () => string;
    readonly signal?: AbortSignal | undefined;
  }): Promise<'mounted' | 'uploaded'> {
    const { signal, digest, from } = options;
    const mount = digest === undefined || from === undefined ? '' : `?mount=${encodeURIComponent(digest)}&from=${encodeURIComponent(from)}`;
    const scope = mount === '' ? this.pushScope : `${this.pushScope} repository:${from ?? ''}:pull`;
    const opened = await this.call(`blobs/uploads/${mount}`, { method: 'POST', signal, scope });
    if (opened.status === 201) {
      opened.body.resume();
      return 'mounted';
    }
    if (opened.status !== 202) throw await refusal(opened, `upload to ${this.path}`);
    opened.body.resume();
    const location = this.location(opened, `upload to ${this.path}`);
    const sent = await this.callUrl(location, { method: 'PATCH', headers: { 'Content-Type': 'application/octet-stream' }, body: options.body, signal, scope: this.pushScope });
    if (sent.status !== 202) throw await refusal(sent, `upload to ${this.path}`);
    sent.body.resume();
    const end = this.location(sent, `upload to ${this.path}`);
    end.searchParams.set('digest', options.digestAfter());
    const finished = await this.callUrl(end, { method: 'PUT', signal, scope: this.pushScope, body: Buffer.alloc(0) });
    if (finished.status !== 201) throw await refusal(finished, `upload to ${this.path}`);
    finished.body.resume();
    return 'uploaded';
  }

  async putManifest(reference: string, bytes: Buffer, mediaType: string, signal?: AbortSignal): Promise<void> {
    const response = await this.call(`manifests/${reference}`, { method: 'PUT', headers: { 'Content-Type': mediaType }, body: bytes, signal, scope: this.pushScope });
    if (response.status !== 201) throw await refusal(response, `manifest ${reference} of ${this.path}`);
    response.body.resume();
  }

  /** Asks whether the endpoint speaks the protocol at all. Rejects when it cannot be reached. */
  async ping(signal?: AbortSignal): Promise<number> {
    const response = await this.http.send({ method: 'GET', url: new URL('/v2/', this.endpoint.base), signal, insecure: this.endpoint.insecure });
    response.body.resume();
    return response.status;
  }

  private get pullScope(): string {
    return `repository:${this.path}:pull`;
  }

  private get pushScope(): string {
    return `repository:${this.path}:pull,push`;
  }

  private call(rest: string, call: Call): Promise<Response> {
    return this.callUrl(new URL(`/v2/${this.path}/${rest}`, this.endpoint.base), call);
  }

  /** Answers challenges of the registry's own host, follows redirects of reads without the credentials, tries again where it may help. */
  private async callUrl(url: URL, call: Call): Promise<Response> {
    const own = url.host === this.endpoint.base.host;
    const scope = call.scope ?? this.pullScope;
    const repeatable = call.body === undefined || Buffer.isBuffer(call.body);
    let header = own ? this.authorizer.known(scope) : undefined;
    let challenged = 0;
    for (let failures = 0; ; ) {
      const headers = { ...call.headers, ...(header === undefined ? {} : { Authorization: header }) };
      const body = typeof call.body === 'function' ? call.body() : call.body;
      let response: Response;
      try {
        response = await this.http.send({ method: call.method, url, headers, ...(body === undefined ? {} : { body }), signal: call.signal, insecure: this.endpoint.insecure, foreign: !own });
      } catch (error) {
        if (!repeatable || call.signal?.aborted === true || !isTransient(error) || isRefused(error) || ++failures > RETRIES) throw error;
        await this.pause(failures, error, call.signal);
        continue;
      }
      if (response.status === 401 && own && challenged < 1) {
        challenged++;
        response.body.resume();
        header = await this.authorizer.answer(String(response.headers['www-authenticate'] ?? ''), scope, this.endpoint.base, call.signal);
        if (header !== undefined) continue;
        throw unauthorized('no basic auth credentials');
      }
      if (repeatable && [429, 500, 502, 503, 504].includes(response.status) && ++failures <= RETRIES) {
        response.body.resume();
        await this.pause(failures, `status ${response.status}`, call.signal, Number(response.headers['retry-after']));
        continue;
      }
      return [301, 302, 303, 307, 308].includes(response.status) && (call.method === 'GET' || call.method === 'HEAD') ? this.redirected(url, response, call) : response;
    }
  }

  private async redirected(from: URL, first: Response, call: Call): Promise<Response> {
    let response = first;
    let at = from;
    for (let hops = 0; [301, 302, 303, 307, 308].includes(response.status); hops++) {
      if (hops === REDIRECTS) throw unavailable(`${from.host} redirects more than ${REDIRECTS} times`);
      response.body.resume();
      const next = new URL(String(response.headers['location'] ?? ''), at);
      if (next.protocol !== 'https:' && !(next.protocol === 'http:' && (at.protocol === 'http:' || this.endpoint.insecure))) throw unavailable(`${at.host} redirects to ${next.protocol}//${next.host}, which is not allowed`);
      const own = next.host === this.endpoint.base.host;
      const header = own ? this.authorizer.known(call.scope ?? this.pullScope) : undefined;
      const headers = { ...call.headers, ...(header === undefined ? {} : { Authorization: header }) };
      response = await this.http.send({ method: call.method, url: next, headers, signal: call.signal, insecure: own && this.endpoint.insecure, foreign: !own && !isLoopback(this.endpoint.base) });
      at = next;
    }
    return response;
  }

  private location(response: Response, what: string): URL {
    const text = response.headers['location'];
    if (text === undefined) throw dataLoss(`${what}: registry named no location`);
    return new URL(text, this.endpoint.base);
  }

  private async pause(failures: number, why: unknown, signal: AbortSignal | undefined, seconds = NaN): Promise<void> {
    this.logger.debug({ host: this.endpoint.base.host, why: errorText(why) }, 'registry call is tried again');
    const wait = Number.isFinite(seconds) ? Math.min(seconds, 60) * 1000 : 250 * 2 ** failures * (0.5 + Math.random());
    await sleep(wait, undefined, signal === undefined ? {} : { signal });
  }
}

const isLoopback = (url: URL): boolean => /^(localhost|127\.|\[::1\])/.test(url.hostname);

function isTransient(error: unknown): boolean {
  return isErrorOf(error, 'unavailable', 'deadlineExceeded') || ['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ERR_STREAM_PREMATURE_CLOSE'].includes((error as { code?: string } | null)?.code ?? '');
}

/** Nobody listens, or speaks TLS: another endpoint may be meant, trying again is of no use. */
function isRefused(error: unknown): boolean {
  const code = ((error as Error).cause as { code?: string } | undefined)?.code ?? '';
  return ['ECONNREFUSED', 'ENOTFOUND', 'EPROTO', 'EHOSTUNREACH', 'ENETUNREACH'].includes(code) || code.startsWith('ERR_SSL') || code.startsWith('ERR_TLS') || code.includes('CERT');
}
