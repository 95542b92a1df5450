import type { Auth } from '@gantry/api/gantry/images/v1/images';
import { familiarName, type Platform, type Reference } from '@gantry/oci';
import { errorText, type GantryError, internal, invalidArgument, isErrorOf, type Logger, notFound, unavailable } from '@gantry/rpc';
import { parseConfig } from './image-config';
import { documentType, kindOf, MANIFEST_LIMIT, parseIndex, parseManifest } from './manifest';
import { Authorizer } from './auth';
import { Calls } from './calls';
import { type CredentialSource, ownCredentials, type TokenSource } from './credentials';
import type { Endpoint } from './endpoints';
import { Hosts, type HostsConfig, type Scheme } from './hosts';
import { bodyOf, HttpClient, PATIENCE, type Response } from './http';
import { login } from './login';
import { isLoopback } from './loopback';
import { Proxies, type ProxySettings } from './proxies';
import { Readers } from './readers';
import { type FetchedManifest, type Reader, Repository } from './repository';
import { search, type SearchOptions, type SearchResult } from './search';

export interface Described {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly annotations: Readonly<Record<string, string>>;
  readonly platforms: readonly Platform[];
}

/** How a registry is to be spoken to, beside what the configuration says. */
export interface Access {
  readonly credentials: CredentialSource;
  readonly tokens?: TokenSource;
  /** Sent to the registry of the reference only. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly scheme?: Scheme;
  /** The registry of the reference may be spoken to as the configuration's insecure ones are. */
  readonly insecure?: boolean;
  /** Directories of hosts.toml files instead of the configured ones. */
  readonly paths?: readonly string[];
}

/** Docker's way to say who asks. */
export const accessOf = (auth: Auth | undefined): Access => ({ credentials: ownCredentials(auth) });

export interface RegistriesConfig extends HostsConfig {
  /** Connections for one blob. */
  readonly ranges: number;
  /** Tries of a request or a download. */
  readonly attempts: number;
  readonly proxies: ProxySettings;
}

/** Registries of the configuration: which endpoint serves a reference, with which credentials. */
export class Registries {
  private readonly http: HttpClient;
  private hosts: Hosts;

  constructor(
    private config: RegistriesConfig,
    private readonly logger: Logger,
    version: string,
  ) {
    this.http = new HttpClient(`gantry/${version}`, { ...PATIENCE, retries: config.attempts - 1 }, new Proxies(config.proxies));
    this.hosts = new Hosts(config);
  }

  /** Other mirrors and insecure registries, from the next operation on. */
  change(config: Pick<RegistriesConfig, 'mirrors' | 'insecure'>): void {
    this.config = { ...this.config, ...config };
    this.hosts = new Hosts(this.config);
  }

  close(): void {
    this.http.close();
  }

  /** The repository at the first endpoint that takes pushes and answers. */
  async forPush(reference: Reference, access: Access, signal?: AbortSignal): Promise<Repository> {
    let failure: unknown = unavailable(`no host of registry ${reference.domain} takes pushes`);
    const endpoints = (await this.hosts.endpoints(reference.domain, access)).filter(
      ({ mirror, capabilities, namespace }) => capabilities.has('push') && (!mirror || namespace !== ''),
    );
    for (const [at, endpoint] of endpoints.entries()) {
      const repository = this.repository(reference, endpoint, access);
      try {
        await repository.ping(signal);
        return repository;
      } catch (error) {
        if (at === 0 || endpoint.base.protocol === 'http:') failure = error;
      }
    }
    throw failure;
  }

  /**
   * The manifest that a reference names and the places that have it: mirrors first, the registry itself last. What a tag means only hosts with the
   * capability to resolve are asked; hosts that may only be pulled from are asked for the digest afterwards.
   */
  async find(
    reference: Reference,
    access: Access,
    signal?: AbortSignal,
  ): Promise<{ readonly repository: Reader; readonly manifest: FetchedManifest }> {
    const endpoints = (await this.hosts.endpoints(reference.domain, access)).filter(
      ({ capabilities }) => capabilities.has('pull') || capabilities.has('resolve'),
    );
    const tried = new Set<Endpoint>();
    const { repository, manifest } = await this.firstOf(reference, access, {
      endpoints: endpoints.filter(({ capabilities }) => capabilities.has(reference.digest === undefined ? 'resolve' : 'pull')),
      tried,
      ask: async (at) => ({ repository: at, manifest: await at.manifest(reference.digest ?? reference.tag ?? 'latest', signal) }),
    });
    const pullers = endpoints.filter(
      (endpoint) => endpoint.capabilities.has('pull') && endpoint !== repository.endpoint && !tried.has(endpoint),
    );
    const position = endpoints.indexOf(repository.endpoint);
    // Before the one that answered lie hosts that may not resolve; after it those that can help out.
    const before = pullers.filter((endpoint) => endpoints.indexOf(endpoint) < position);
    const after = pullers.filter(
      (endpoint) => endpoints.indexOf(endpoint) > position && endpoint.base.protocol === repository.endpoint.base.protocol,
    );
    const places = [...before, ...(repository.endpoint.capabilities.has('pull') ? [repository.endpoint] : []), ...after].map((endpoint) =>
      endpoint === repository.endpoint ? repository : this.repository(reference, endpoint, access),
    );
    const [first, ...more] = places;
    if (first === undefined) throw unavailable(`no host of registry ${reference.domain} may be pulled from`);
    return { repository: more.length === 0 ? first : new Readers([first, ...more], this.logger), manifest };
  }

  async tags(reference: Reference, access: Access, signal?: AbortSignal): Promise<string[]> {
    const endpoints = (await this.hosts.endpoints(reference.domain, access)).filter(({ capabilities }) => capabilities.has('resolve'));
    return this.firstOf(reference, access, { endpoints, tried: new Set(), ask: (repository) => repository.tags(signal) });
  }

  async describe(reference: Reference, access: Access, signal?: AbortSignal): Promise<Described> {
    const { repository, manifest } = await this.find(reference, access, signal);
    const { bytes, digest } = manifest;
    const kind = kindOf(bytes, manifest.mediaType, digest);
    const mediaType = documentType(bytes, manifest.mediaType, kind);
    const found = { mediaType, digest, size: bytes.length, annotations: {} };
    if (kind === 'index') return { ...found, platforms: parseIndex(bytes, digest).manifests.flatMap(({ platform }) => platform ?? []) };
    const { config } = parseManifest(bytes, digest);
    if (!isImageConfig(config.mediaType) || config.size > MANIFEST_LIMIT) return { ...found, platforms: [] };
    const parts: Buffer[] = [];
    for await (const part of repository.blob(config.digest, config.size, 0, signal)) parts.push(part);
    const { os, architecture, variant } = parseConfig(Buffer.concat(parts), config.digest);
    return { ...found, platforms: [{ os, architecture, ...(variant === undefined ? {} : { variant }) }] };
  }

  /** docker login. */
  async checkAuth(auth: Auth | undefined): Promise<{ status: string; identityToken: string }> {
    const address = (auth?.serverAddress ?? '').replace(/^https?:\/\//, '').replace(/\/.*$/, '');
    const domain = address === '' || address === 'index.docker.io' || address === 'registry-1.docker.io' ? 'docker.io' : address;
    const endpoints = (await this.hosts.endpoints(domain)).filter(({ mirror }) => !mirror);
    return login(this.http, endpoints, auth, this.logger);
  }

  /** docker search, at registries that have the old index. */
  async search(options: SearchOptions): Promise<SearchResult[]> {
    return search({ http: this.http, endpoints: (domain) => this.hosts.endpoints(domain), logger: this.logger }, options);
  }

  /** An archive from a web server that the user named, not a registry: no credentials, no configuration of hosts. total: 0 when it is not told. */
  async download(address: string, signal: AbortSignal): Promise<{ readonly total: number; readonly body: AsyncIterable<Buffer> }> {
    let url = URL.canParse(address) ? new URL(address) : undefined;
    for (let hops = 0; ; hops++) {
      if (url === undefined || !/^https?:$/.test(url.protocol) || hops > 5)
        throw invalidArgument(`"${address}" leads to no http or https URL`);
      const response: Response = await this.http.send({ method: 'GET', url, signal, foreign: hops > 0 && !isLoopback(new URL(address)) });
      const to = response.headers['location'];
      if (response.status >= 300 && response.status < 400 && to !== undefined) {
        response.body.resume();
        url = URL.canParse(to, url.href) ? new URL(to, url.href) : undefined;
        continue;
      }
      if (response.status !== 200) {
        response.body.resume();
        throw refusedDownload(address, response.status);
      }
      return { total: Number(response.headers['content-length'] ?? 0), body: bodyOf(response, address) };
    }
  }

  private async firstOf<T>(
    reference: Reference,
    access: Access,
    job: { readonly endpoints: readonly Endpoint[]; readonly tried: Set<Endpoint>; readonly ask: (repository: Repository) => Promise<T> },
  ): Promise<T> {
    let failure: unknown = unavailable(`no host of registry ${reference.domain} answers for names`);
    for (const [at, endpoint] of job.endpoints.entries()) {
      try {
        return await job.ask(this.repository(reference, endpoint, access));
      } catch (error) {
        job.tried.add(endpoint);
        // What the registry itself says is better than that the next way to it is closed.
        if (at === 0 || !isErrorOf(error, 'unavailable') || isErrorOf(failure, 'unavailable')) failure = error;
        if (!endpoint.mirror && !isErrorOf(error, 'unavailable')) break;
        this.logger.debug({ endpoint: endpoint.base.origin, why: errorText(error) }, 'endpoint does not serve the reference');
      }
    }
    throw worded(reference, failure);
  }

  private repository(reference: Reference, endpoint: Endpoint, access: Access): Repository {
    const at =
      endpoint.mirror || access.headers === undefined ? endpoint : { ...endpoint, headers: { ...endpoint.headers, ...access.headers } };
    const calls = new Calls(this.http, at, new Authorizer(this.http, at, access.credentials, false, access.tokens), this.logger);
    return new Repository(calls, reference.path, { logger: this.logger, ranges: this.config.ranges, endpoint });
  }
}

/** As dockerd takes a web server's answer: what is not there is not found, what the server will not give is the request's fault. */
function refusedDownload(address: string, status: number): GantryError {
  const message = `failed to GET ${address} with status ${status}`;
  if (status === 404) return notFound(message);
  return status >= 400 && status < 500 ? invalidArgument(message) : internal(message);
}

const isImageConfig = (mediaType: string): boolean => /(\.image\.config\.v1|\.container\.image\.v1)\+json$/.test(mediaType);

/** Docker's sentences around a registry's refusal. */
function worded(reference: Reference, error: unknown): unknown {
  const name = familiarName(reference);
  if (isErrorOf(error, 'unauthorized', 'forbidden')) {
    return isErrorOf(error, 'forbidden') && error.meta['status'] === undefined
      ? error
      : notFound(`pull access denied for ${name}, repository does not exist or may require 'docker login': ${error.message}`, {
          cause: error,
        });
  }
  if (isErrorOf(error, 'notFound')) {
    const full = reference.digest !== undefined ? `${name}@${reference.digest}` : `${name}:${reference.tag ?? 'latest'}`;
    return notFound(`manifest for ${full} not found: ${error.message}`, { cause: error });
  }
  return error;
}
