import { type Index, mediaTypes, sha256, withoutNulls } from '@gantry/oci';
import { dataLoss, type Logger, notFound } from '@gantry/rpc';
import { MANIFEST_LIMIT } from './manifest';
import type { Calls } from './calls';
import { type Download, download, PIECE } from './download';
import type { Endpoint } from './endpoints';
import { refusal } from './errors';
import { readBody, type Response } from './http';
import { addToFallback, fetchReferrers, type Referrer } from './referrers';
import { type Upload, upload } from './upload';

export interface FetchedManifest {
  readonly bytes: Buffer;
  readonly mediaType: string;
  readonly digest: string;
}

/** What a pull needs of a place that has a repository. */
export interface Reader {
  /** reference: a tag or a digest. */
  manifest(reference: string, signal?: AbortSignal): Promise<FetchedManifest>;
  /** Bytes of a blob from an offset on. lent: a part is the reader's until it asks for the next one. */
  blob(digest: string, size: number, offset: number, signal?: AbortSignal, lent?: boolean): AsyncIterable<Buffer>;
  referrers(digest: string, artifactType: string, signal?: AbortSignal): Promise<Referrer[]>;
}

const ACCEPT = [
  mediaTypes.dockerManifest,
  mediaTypes.dockerManifestList,
  mediaTypes.ociManifest,
  mediaTypes.ociIndex,
  'application/vnd.docker.distribution.manifest.v1+prettyjws;q=0.5',
  '*/*;q=0.1',
].join(', ');

/** One repository at one endpoint: the calls of the distribution specification. */
export class Repository implements Reader {
  constructor(
    private readonly calls: Calls,
    readonly path: string,
    private readonly options: { readonly logger: Logger; readonly ranges: number; readonly endpoint: Endpoint },
  ) {}

  /** As the configuration has it. */
  get endpoint(): Endpoint {
    return this.options.endpoint;
  }

  /** The bytes are checked against the digest asked for and the one told. */
  async manifest(reference: string, signal?: AbortSignal): Promise<FetchedManifest> {
    const response = await this.get(`manifests/${reference}`, { Accept: ACCEPT }, signal);
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
      const response: Response = await this.get(next, {}, signal);
      if (response.status !== 200) throw await refusal(response, `tags of ${this.path}`);
      const { tags: page } = JSON.parse((await readBody(response, 8 << 20, `tags of ${this.path}`)).toString()) as { tags?: unknown };
      if (Array.isArray(page)) tags.push(...page.filter((tag) => typeof tag === 'string'));
      next = /<[^>]*(tags\/list\?[^>]*)>\s*;\s*rel="?next"?/.exec(String(response.headers['link'] ?? ''))?.[1];
    }
    return tags;
  }

  blob(digest: string, size: number, offset: number, signal?: AbortSignal, lent = false): AsyncGenerator<Buffer> {
    const ask: Download['ask'] = async ({ from, to, plain }, own) => {
      const split = this.options.ranges > 1 && size >= 2 * PIECE;
      const headers: Record<string, string> =
        plain === true ? {} : to < size ? { Range: `bytes=${from}-${to - 1}` } : from > 0 || split ? { Range: `bytes=${from}-` } : {};
      const response = await this.get(`blobs/${digest}`, headers, own);
      if (response.status !== 200 && response.status !== 206) throw await refusal(response, `blob ${digest}`);
      return response;
    };
    return download({
      digest,
      size,
      offset,
      signal,
      ask,
      logger: this.options.logger,
      parallel: this.options.ranges,
      pauseMs: this.calls.pauseMs,
      retries: this.calls.retries,
      enough: this.calls.enough,
      lent,
    });
  }

  /** What refers to a manifest: the registry's answer, or its fallback tag where it has no such call. */
  referrers(digest: string, artifactType: string, signal?: AbortSignal): Promise<Referrer[]> {
    return fetchReferrers(
      { get: (rest, headers) => this.get(rest, headers, signal), index: (tag) => this.indexOf(tag, signal) },
      digest,
      artifactType,
    );
  }

  async hasBlob(digest: string, signal?: AbortSignal): Promise<boolean> {
    return this.has(`blobs/${digest}`, signal);
  }

  /** Is exactly this manifest there already? */
  async hasManifest(digest: string, signal?: AbortSignal): Promise<boolean> {
    return this.has(`manifests/${digest}`, signal);
  }

  /** Sends a blob, or mounts it from another repository of the registry. */
  upload(options: Upload): Promise<'mounted' | 'uploaded'> {
    return upload({ calls: this.calls, path: this.path, scope: this.pushScope }, options);
  }

  /** subject: digest of the manifest that this one refers to; told in the fallback tag where the registry does not keep referrers itself. */
  async putManifest(
    reference: string,
    bytes: Buffer,
    mediaType: string,
    options: {
      readonly signal?: AbortSignal | undefined;
      readonly subject?: { readonly digest: string; readonly referrer: Referrer };
    } = {},
  ): Promise<void> {
    const { signal, subject } = options;
    const response = await this.calls.send(this.url(`manifests/${reference}`), {
      method: 'PUT',
      headers: { 'Content-Type': mediaType },
      body: bytes,
      signal,
      scope: this.pushScope,
    });
    if (response.status !== 201) throw await refusal(response, `manifest ${reference} of ${this.path}`);
    response.body.resume();
    if (subject === undefined || response.headers['oci-subject'] === subject.digest) return;
    await addToFallback(
      {
        index: (tag) => this.indexOf(tag, signal),
        put: (tag, index) => this.putManifest(tag, Buffer.from(JSON.stringify(index)), mediaTypes.ociIndex, { signal }),
      },
      subject.digest,
      subject.referrer,
    );
  }

  /** Asks whether the endpoint speaks the protocol at all. Rejects when it cannot be reached. */
  async ping(signal?: AbortSignal): Promise<number> {
    return (await this.calls.probe(signal)).status;
  }

  /** The index that a tag names; undefined when there is none. */
  private async indexOf(tag: string, signal: AbortSignal | undefined): Promise<Index | undefined> {
    const response = await this.get(`manifests/${tag}`, { Accept: mediaTypes.ociIndex }, signal);
    if (response.status === 404) {
      response.body.resume();
      return undefined;
    }
    if (response.status !== 200) throw await refusal(response, `manifest ${tag} of ${this.path}`);
    const index = withoutNulls(
      JSON.parse((await readBody(response, MANIFEST_LIMIT, `manifest ${tag} of ${this.path}`)).toString()),
    ) as Partial<Index>;
    if (!Array.isArray((index.manifests ??= []))) throw notFound(`${tag} of ${this.path} is no index`);
    return index as Index;
  }

  private async has(rest: string, signal: AbortSignal | undefined): Promise<boolean> {
    const response = await this.calls.send(this.url(rest), {
      method: 'HEAD',
      ...(rest.startsWith('manifests/') ? { headers: { Accept: ACCEPT } } : {}),
      signal,
      scope: this.pushScope,
    });
    response.body.resume();
    return response.status === 200;
  }

  private get(rest: string, headers: Readonly<Record<string, string>>, signal: AbortSignal | undefined): Promise<Response> {
    return this.calls.send(this.url(rest), { method: 'GET', headers, signal, scope: `repository:${this.path}:pull` });
  }

  private url(rest: string): URL {
    return this.calls.url(`${this.path}/${rest}`);
  }

  private get pushScope(): string {
    return `repository:${this.path}:pull,push`;
  }
}
