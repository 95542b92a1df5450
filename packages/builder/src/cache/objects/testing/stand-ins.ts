import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

/** A server on loopback that answers as a service does, with what it was asked. */
export interface StandIn {
  readonly url: string;
  readonly objects: Map<string, Buffer>;
  readonly asked: { readonly method: string; readonly path: string; readonly headers: IncomingMessage['headers'] }[];
  close(): Promise<void>;
}

type Answer = (call: {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}) => {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | string;
};

async function serve(answer: (objects: Map<string, Buffer>, base: () => string) => Answer): Promise<StandIn> {
  const objects = new Map<string, Buffer>();
  const asked: StandIn['asked'] = [];
  let url = '';
  const answers = answer(objects, () => url);
  const server: Server = createServer((request: IncomingMessage, response: ServerResponse) => {
    void (async () => {
      const parts: Buffer[] = [];
      for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
      const { method = '', headers } = request;
      const full = new URL(request.url ?? '', url);
      asked.push({ method, path: full.pathname + full.search, headers });
      const { status, headers: more = {}, body = '' } = answers({ method, url: full, headers, body: Buffer.concat(parts) });
      response.writeHead(status, more).end(method === 'HEAD' ? undefined : body);
    })();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    objects,
    asked,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function part(bytes: Buffer, range: string | undefined): { status: number; body: Buffer } {
  const start = /^bytes=(\d+)-$/.exec(range ?? '')?.[1];
  return start === undefined ? { status: 200, body: bytes } : { status: 206, body: bytes.subarray(Number(start)) };
}

/** Objects by path, as S3 has them. */
export const s3StandIn = (): Promise<StandIn> =>
  serve((objects) => ({ method, url, headers, body }) => {
    if (headers.authorization?.startsWith('AWS4-HMAC-SHA256 Credential=id/') !== true)
      return { status: 403, body: '<Code>AccessDenied</Code>' };
    if (method === 'PUT') {
      const source = headers['x-amz-copy-source'];
      objects.set(url.pathname, typeof source === 'string' ? (objects.get(source) ?? body) : body);
      return { status: 200 };
    }
    const found = objects.get(url.pathname);
    if (found === undefined) return { status: 404 };
    return { ...part(found, headers.range), headers: { 'last-modified': new Date(Date.now() - 48 * 3_600_000).toUTCString() } };
  });

/** Blobs of a container, as Azure has them. */
export const azureStandIn = (): Promise<StandIn> =>
  serve((objects) => ({ method, url, headers, body }) => {
    if (headers.authorization?.startsWith('SharedKey account:') !== true) return { status: 403, body: 'AuthenticationFailed' };
    const name = url.searchParams.get('restype') === 'container' ? 'container' : url.pathname;
    if (method === 'PUT') {
      if (name !== 'container' && !objects.has('container')) return { status: 404, body: 'ContainerNotFound' };
      if (headers['if-none-match'] === '*' && objects.has(name)) return { status: 409, body: 'BlobAlreadyExists' };
      if (name !== 'container' && headers['x-ms-blob-type'] !== 'BlockBlob') return { status: 400 };
      objects.set(name, body);
      return { status: 201 };
    }
    const found = objects.get(name);
    if (found === undefined) return { status: 404 };
    const range = headers['x-ms-range'];
    return part(found, typeof range === 'string' ? range : undefined);
  });

const json = (value: object): { status: number; body: string } => ({ status: 200, body: JSON.stringify(value) });

/** The cache service of GitHub's actions in both versions; entries are found by the beginning of their key, the newest first. */
export const actionsStandIn = (): Promise<StandIn> =>
  serve((objects, base) => {
    const reserved: string[] = [];
    const newest = (key: string): string | undefined => [...objects.keys()].filter((each) => each.startsWith(key)).at(-1);
    const reserve = (key: string): number | undefined => (reserved.includes(key) ? undefined : reserved.push(key));
    return ({ method, url, headers, body }) => {
      const { pathname } = url;
      if (pathname.startsWith('/blob/')) {
        const key = decodeURIComponent(pathname.slice('/blob/'.length));
        if (headers.authorization !== undefined) return { status: 400, body: 'a signed address takes no token' };
        if (method === 'GET') return part(objects.get(key) ?? Buffer.alloc(0), headers.range);
        objects.set(`uploaded ${key}`, body);
        return { status: 201 };
      }
      if (headers.authorization?.startsWith('Bearer ') !== true) return { status: 401 };
      if (pathname.endsWith('/artifactcache/cache')) {
        const found = newest(url.searchParams.get('keys') ?? '');
        return found === undefined
          ? { status: 204 }
          : json({ cacheKey: found, archiveLocation: `${base()}/blob/${encodeURIComponent(found)}` });
      }
      const said = headers['content-type'] === 'application/json' ? (JSON.parse(body.toString()) as { key?: string }) : {};
      const key = said.key ?? '';
      if (pathname.endsWith('/artifactcache/caches')) {
        const id = reserve(key);
        return id === undefined ? { status: 409 } : json({ cacheId: id });
      }
      const id = /\/caches\/(\d+)$/.exec(pathname)?.[1];
      if (id !== undefined) {
        const of = reserved[Number(id) - 1] ?? '';
        if (method === 'PATCH') objects.set(`uploaded ${of}`, body);
        else finish(objects, of);
        return { status: 204 };
      }
      if (pathname.endsWith('/GetCacheEntryDownloadURL')) {
        const found = newest(key);
        return json(
          found === undefined
            ? { ok: false }
            : { ok: true, matched_key: found, signed_download_url: `${base()}/blob/${encodeURIComponent(found)}` },
        );
      }
      if (pathname.endsWith('/CreateCacheEntry'))
        return reserve(key) === undefined
          ? { status: 409 }
          : json({ ok: true, signed_upload_url: `${base()}/blob/${encodeURIComponent(key)}` });
      if (pathname.endsWith('/FinalizeCacheEntryUpload')) return json({ ok: finish(objects, key) });
      return { status: 404 };
    };
  });

function finish(objects: Map<string, Buffer>, key: string): boolean {
  const bytes = objects.get(`uploaded ${key}`);
  objects.delete(`uploaded ${key}`);
  if (bytes !== undefined) objects.set(key, bytes);
  return bytes !== undefined;
}
