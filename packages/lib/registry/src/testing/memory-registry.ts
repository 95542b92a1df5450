import { createHash, randomUUID } from 'node:crypto';
import { createServer as createPlain, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecure, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type Index, mediaTypes } from '@gantry/oci';

export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  /** Bytes of the blob that the answer's body carried. */
  sent: number;
}

export interface MemoryRegistryOptions {
  /** Does something else than a registry would: returns true when it has answered (or will). */
  readonly fault?: (request: IncomingMessage, response: ServerResponse, blob: Buffer | undefined) => boolean;
  /** Answers every request before anything else: true when it was refused. */
  readonly guard?: (request: IncomingMessage, response: ServerResponse) => boolean;
  readonly ranges?: boolean;
  /** The referrers call; without it clients fall back to the tag. */
  readonly referrers?: boolean;
  readonly tls?: ServerOptions;
  /** Address to listen on; 127.0.0.1 unless given. */
  readonly address?: string;
  /** Bytes a second for each connection's blobs; unlimited unless given. */
  readonly rate?: number;
}

interface Session {
  data: Buffer;
}

export const digestOf = (data: Buffer): string => `sha256:${createHash('sha256').update(data).digest('hex')}`;

/** A small distribution registry in this process: keeps what is pushed, counts what is asked, and misbehaves as a test wishes. */
export class MemoryRegistry {
  readonly seen: Seen[] = [];
  readonly blobs = new Map<string, Buffer>();
  readonly manifests = new Map<string, { readonly bytes: Buffer; readonly type: string }>();
  private readonly sessions = new Map<string, Session>();
  private readonly server: Server;

  private constructor(readonly options: MemoryRegistryOptions) {
    const handle = (request: IncomingMessage, response: ServerResponse): void =>
      void this.handle(request, response).catch(() => response.destroy());
    this.server = options.tls === undefined ? createPlain(handle) : createSecure(options.tls, handle);
  }

  static async start(options: MemoryRegistryOptions = {}): Promise<MemoryRegistry> {
    const registry = new MemoryRegistry(options);
    await new Promise<void>((resolve) => registry.server.listen(0, options.address ?? '127.0.0.1', resolve));
    return registry;
  }

  get host(): string {
    return `${this.options.address ?? '127.0.0.1'}:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  blob(data: Buffer): { mediaType: string; digest: string; size: number } {
    this.blobs.set(digestOf(data), data);
    return { mediaType: 'application/octet-stream', digest: digestOf(data), size: data.length };
  }

  /** Keeps a manifest or index under its digest and, where given, a tag. */
  manifest(repository: string, document: object, tag?: string): { mediaType: string; digest: string; size: number } {
    const bytes = Buffer.from(JSON.stringify(document));
    const type = (document as { mediaType?: string }).mediaType ?? mediaTypes.ociManifest;
    for (const name of [digestOf(bytes), ...(tag === undefined ? [] : [tag])]) this.manifests.set(`${repository} ${name}`, { bytes, type });
    return { mediaType: type, digest: digestOf(bytes), size: bytes.length };
  }

  /** An image for the host of these layers (tars). */
  image(
    repository: string,
    tag: string,
    layers: readonly { readonly blob: Buffer; readonly diffId: string; readonly mediaType?: string }[],
    change: { readonly config?: object; readonly manifest?: object } = {},
  ): { id: string; digest: string; size: number; mediaType: string } {
    const config = Buffer.from(
      JSON.stringify({
        architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
        os: 'linux',
        rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
        ...change.config,
      }),
    );
    const manifest = {
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: { ...this.blob(config), mediaType: mediaTypes.ociConfig },
      layers: layers.map(({ blob, mediaType = mediaTypes.ociLayer }) => ({ ...this.blob(blob), mediaType })),
      ...change.manifest,
    };
    const made = this.manifest(repository, manifest, tag);
    return { id: made.digest, ...made };
  }

  /** Requests of a method whose path holds a text. */
  count(method: string, part: string): number {
    return this.seen.filter((each) => each.method === method && each.path.includes(part)).length;
  }

  /** Bytes of a blob that were sent in all answers. */
  sentOf(digest: string): number {
    return this.seen.filter(({ path }) => path.includes(digest)).reduce((sum, { sent }) => sum + sent, 0);
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', url: path = '/' } = request;
    const seen: Seen = { method, path, headers: request.headers, sent: 0 };
    this.seen.push(seen);
    response.on('error', () => undefined);
    const url = new URL(path, 'http://registry');
    const [, repository = '', kind = '', name = ''] =
      /^\/v2\/(.+)\/(manifests|blobs\/uploads|blobs|referrers|tags)\/(.*)$/.exec(url.pathname) ?? [];
    if (this.options.guard?.(request, response) === true) return void request.resume();
    if (this.options.fault?.(request, response, this.blobs.get(name)) === true) return;
    if (kind === 'blobs/uploads') return this.uploads(request, response, { repository, session: name, query: url.searchParams });
    if (kind === 'manifests' && method === 'PUT') return this.putManifest(request, response, repository, name);
    request.resume();
    if (url.pathname === '/v2/') response.writeHead(200).end('{}');
    else if (kind === 'manifests') this.getManifest(response, repository, name);
    else if (kind === 'blobs') await this.getBlob(request, response, { blob: this.blobs.get(name), seen });
    else if (kind === 'tags')
      response.writeHead(200).end(
        JSON.stringify({
          tags: [...this.manifests.keys()]
            .filter((key) => key.startsWith(`${repository} `) && !key.includes('sha256:'))
            .map((key) => key.split(' ')[1]),
        }),
      );
    else if (kind === 'referrers' && this.options.referrers === true)
      this.getReferrers(response, repository, { digest: name, type: url.searchParams.get('artifactType') ?? '' });
    else response.writeHead(404).end();
  }

  private getManifest(response: ServerResponse, repository: string, name: string): void {
    const found = this.manifests.get(`${repository} ${name}`);
    if (found === undefined)
      response.writeHead(404).end(JSON.stringify({ errors: [{ code: 'MANIFEST_UNKNOWN', message: 'manifest unknown' }] }));
    else
      response
        .writeHead(200, {
          'Content-Type': found.type,
          'Content-Length': found.bytes.length,
          'Docker-Content-Digest': digestOf(found.bytes),
        })
        .end(found.bytes);
  }

  private async getBlob(
    request: IncomingMessage,
    response: ServerResponse,
    { blob, seen }: { blob: Buffer | undefined; seen: Seen },
  ): Promise<void> {
    if (blob === undefined)
      return void response.writeHead(404).end(JSON.stringify({ errors: [{ code: 'BLOB_UNKNOWN', message: 'blob unknown' }] }));
    const range = this.options.ranges === false ? null : /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    const from = Number(range?.[1] ?? 0);
    const to = range?.[2] === undefined || range[2] === '' ? blob.length : Math.min(Number(range[2]) + 1, blob.length);
    const body = blob.subarray(from, to);
    response.writeHead(range === null ? 200 : 206, {
      'Content-Length': body.length,
      ...(range === null ? {} : { 'Content-Range': `bytes ${from}-${to - 1}/${blob.length}` }),
    });
    if (request.method === 'HEAD') return void response.end();
    const step = this.options.rate === undefined ? 256 << 10 : Math.max(1, Math.floor(this.options.rate / 20));
    const closed = new Promise<void>((resolve) => response.once('close', resolve));
    for (let at = 0; at < body.length && !response.destroyed; at += step) {
      const part = body.subarray(at, at + step);
      await Promise.race([closed, new Promise<void>((resolve) => response.write(part, () => resolve()))]);
      seen.sent += part.length;
      if (this.options.rate !== undefined) await new Promise((resolve) => setTimeout(resolve, 50));
    }
    response.end();
  }

  private getReferrers(response: ServerResponse, repository: string, { digest, type }: { digest: string; type: string }): void {
    const manifests = [...this.manifests.entries()]
      .filter(([key]) => key.startsWith(`${repository} sha256:`))
      .flatMap(([key, { bytes, type: mediaType }]) => {
        const document = JSON.parse(bytes.toString()) as {
          subject?: { digest: string };
          artifactType?: string;
          config?: { mediaType: string };
        };
        const artifactType = document.artifactType ?? document.config?.mediaType;
        return document.subject?.digest === digest && (type === '' || artifactType === type)
          ? [{ mediaType, digest: key.split(' ')[1] ?? '', size: bytes.length, artifactType }]
          : [];
      });
    response
      .writeHead(200, { 'Content-Type': mediaTypes.ociIndex })
      .end(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests } as unknown as Index));
  }

  private async putManifest(request: IncomingMessage, response: ServerResponse, repository: string, name: string): Promise<void> {
    const bytes = await bodyOf(request);
    const document = JSON.parse(bytes.toString()) as { subject?: { digest: string } };
    for (const key of [digestOf(bytes), name])
      this.manifests.set(`${repository} ${key}`, { bytes, type: request.headers['content-type'] ?? '' });
    response
      .writeHead(201, {
        'Docker-Content-Digest': digestOf(bytes),
        ...(this.options.referrers === true && document.subject !== undefined ? { 'OCI-Subject': document.subject.digest } : {}),
      })
      .end();
  }

  private async uploads(
    request: IncomingMessage,
    response: ServerResponse,
    { repository, session: id, query }: { repository: string; session: string; query: URLSearchParams },
  ): Promise<void> {
    const place = (session: string): string => `/v2/${repository}/blobs/uploads/${session}`;
    if (request.method === 'POST') {
      request.resume();
      if (query.has('mount') && this.blobs.has(query.get('mount') ?? ''))
        return void response.writeHead(201, { Location: `/v2/${repository}/blobs/${query.get('mount') ?? ''}` }).end();
      const session = randomUUID();
      this.sessions.set(session, { data: Buffer.alloc(0) });
      return void response.writeHead(202, { Location: place(session) }).end();
    }
    const session = this.sessions.get(id);
    if (session === undefined) return void response.writeHead(404).end();
    const range = (): string => `0-${Math.max(0, session.data.length - 1)}`;
    if (request.method === 'GET') return void response.writeHead(204, { Location: place(id), Range: range() }).end();
    const start = /^(\d+)-/.exec(request.headers['content-range'] ?? '')?.[1];
    if (start !== undefined && Number(start) !== session.data.length)
      return void response.writeHead(416, { Location: place(id), Range: range() }).end();
    // What arrives before a connection breaks is kept, as the specification lets a client hope.
    for await (const part of request) session.data = Buffer.concat([session.data, part as Buffer]);
    if (request.method === 'PATCH') return void response.writeHead(202, { Location: place(id), Range: range() }).end();
    const digest = query.get('digest') ?? '';
    if (digestOf(session.data) !== digest)
      return void response.writeHead(400).end(JSON.stringify({ errors: [{ code: 'DIGEST_INVALID', message: 'digest invalid' }] }));
    this.blobs.set(digest, session.data);
    this.sessions.delete(id);
    response.writeHead(201, { Location: `/v2/${repository}/blobs/${digest}` }).end();
  }
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts);
}
