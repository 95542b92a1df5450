import type { Auth } from '@gantry/api/gantry/images/v1/images';
import { familiarName, type Platform, type Reference } from '@gantry/oci';
import { errorText, isErrorOf, type Logger, notFound, unauthorized } from '@gantry/rpc';
import { parseConfig } from '../docker/image-reader';
import { kindOf, documentType, parseIndex, parseManifest } from '../docker/manifest';
import { Authorizer, credentialsOf } from './auth';
import { type Endpoint, endpointsOf, type RegistryConfig } from './endpoints';
import { HttpClient } from './http';
import { type FetchedManifest, Repository } from './repository';

export interface Described {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platforms: readonly Platform[];
}

/** Registries of the configuration: which endpoint serves a reference, with which credentials. */
export class Registries {
  private readonly http: HttpClient;

  constructor(
    private readonly config: RegistryConfig,
    private readonly logger: Logger,
    version: string,
  ) {
    this.http = new HttpClient(`gantry/${version}`);
  }

  close(): void {
    this.http.close();
  }

  /** The repository at its own registry, at the first endpoint that answers: for pushes. */
  async forPush(reference: Reference, auth: Auth | undefined, signal?: AbortSignal): Promise<Repository> {
    let failure: unknown;
    for (const endpoint of endpointsOf(reference.domain, this.config).filter(({ mirror }) => !mirror)) {
      const repository = this.repository(reference, endpoint, auth);
      try {
        await repository.ping(signal);
        return repository;
      } catch (error) {
        failure ??= error;
        if (endpoint.base.protocol === 'http:') failure = error;
      }
    }
    throw failure;
  }

  /** The manifest that a reference names and the repository that has it: mirrors first, the registry itself last. */
  async find(reference: Reference, auth: Auth | undefined, signal?: AbortSignal): Promise<{ readonly repository: Repository; readonly manifest: FetchedManifest }> {
    return this.atEndpoints(reference, auth, (repository) => repository.manifest(reference.digest ?? reference.tag ?? 'latest', signal).then((manifest) => ({ repository, manifest })));
  }

  async tags(reference: Reference, auth: Auth | undefined, signal?: AbortSignal): Promise<string[]> {
    return this.atEndpoints(reference, auth, (repository) => repository.tags(signal));
  }

  async describe(reference: Reference, auth: Auth | undefined, signal?: AbortSignal): Promise<Described> {
    const { repository, manifest } = await this.find(reference, auth, signal);
    const { bytes, digest } = manifest;
    const kind = kindOf(bytes, manifest.mediaType, digest);
    const mediaType = documentType(bytes, manifest.mediaType, kind);
    if (kind === 'index') return { mediaType, digest, size: bytes.length, platforms: parseIndex(bytes, digest).manifests.flatMap(({ platform }) => platform ?? []) };
    const { config } = parseManifest(bytes, digest);
    const parts: Buffer[] = [];
    for await (const part of repository.blob(config.digest, config.size, 0, signal)) parts.push(part);
    const { os, architecture, variant } = parseConfig(Buffer.concat(parts), config.digest);
    return { mediaType, digest, size: bytes.length, platforms: [{ os, architecture, ...(variant === undefined ? {} : { variant }) }] };
  }

  /** docker login: are the credentials good at their server? */
  async checkAuth(auth: Auth | undefined): Promise<{ status: string; identityToken: string }> {
    const address = (auth?.serverAddress ?? '').replace(/^https?:\/\//, '').replace(/\/.*$/, '');
    const domain = address === '' || address === 'index.docker.io' ? 'docker.io' : address;
    let failure: unknown;
    for (const endpoint of endpointsOf(domain, this.config).filter(({ mirror }) => !mirror)) {
      const authorizer = new Authorizer(this.http, credentialsOf(auth), endpoint.insecure);
      try {
        const url = new URL('/v2/', endpoint.base);
        const first = await this.http.send({ method: 'GET', url, insecure: endpoint.insecure });
        first.body.resume();
        if (first.status !== 401) return { status: 'Login Succeeded', identityToken: '' };
        const header = await authorizer.answer(String(first.headers['www-authenticate'] ?? ''), '', endpoint.base, undefined);
        const second = header === undefined ? undefined : await this.http.send({ method: 'GET', url, headers: { Authorization: header }, insecure: endpoint.insecure });
        second?.body.resume();
        if (second === undefined || second.status !== 200) throw unauthorized('unauthorized: incorrect username or password');
        return { status: 'Login Succeeded', identityToken: '' };
      } catch (error) {
        if (isErrorOf(error, 'unauthorized')) throw error;
        failure = error;
      }
    }
    throw failure;
  }

  private async atEndpoints<T>(reference: Reference, auth: Auth | undefined, ask: (repository: Repository) => Promise<T>): Promise<T> {
    let failure: unknown;
    for (const endpoint of endpointsOf(reference.domain, this.config)) {
      try {
        return await ask(this.repository(reference, endpoint, auth));
      } catch (error) {
        // What the registry itself says is better than that the next way to it is closed.
        if (failure === undefined || !isErrorOf(error, 'unavailable') || isErrorOf(failure, 'unavailable')) failure = error;
        if (!endpoint.mirror && !isErrorOf(error, 'unavailable')) break;
        this.logger.debug({ endpoint: endpoint.base.origin, why: errorText(error) }, 'endpoint does not serve the reference');
      }
    }
    throw worded(reference, failure);
  }

  private repository(reference: Reference, endpoint: Endpoint, auth: Auth | undefined): Repository {
    // Credentials are for the registry of the reference, never for a mirror of it.
    const credentials = endpoint.mirror ? undefined : credentialsOf(auth);
    return new Repository(this.http, endpoint, reference.path, new Authorizer(this.http, credentials, endpoint.insecure), this.logger);
  }
}

/** Docker's sentences around a registry's refusal. */
function worded(reference: Reference, error: unknown): unknown {
  const name = familiarName(reference);
  if (isErrorOf(error, 'unauthorized', 'forbidden')) {
    return isErrorOf(error, 'forbidden') && error.meta['status'] === undefined ? error : notFound(`pull access denied for ${name}, repository does not exist or may require 'docker login': ${error.message}`, { cause: error });
  }
  if (isErrorOf(error, 'notFound')) {
    const full = reference.digest !== undefined ? `${name}@${reference.digest}` : `${name}:${reference.tag ?? 'latest'}`;
    return notFound(`manifest for ${full} not found: ${error.message}`, { cause: error });
  }
  return error;
}

