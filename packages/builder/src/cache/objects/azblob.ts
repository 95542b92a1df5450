import { createHmac } from 'node:crypto';
import { type CallContext, invalidArgument } from '@gantry/rpc';
import { bodyOf, call, expectStatus } from './http';
import type { Body, ObjectKind, ObjectPlace } from './objects';
import type { Environment } from './s3';

const DOCUMENT_BYTES = 64 << 20;
const VERSION = '2021-12-02';
/** What one request may store. */
const MOST_BYTES = 5000 * 1024 * 1024;

interface Container {
  readonly base: URL;
  readonly account: string;
  readonly key: string;
}

/** `type=azblob`: Azure's protocol for blobs, signed with the account's key. */
export function azblobKind(environment: Environment): ObjectKind {
  return {
    type: 'azblob',
    name: 'exporting cache to Azure Blob Storage',
    open(attributes) {
      const text = attributes.text('account_url') ?? environment['BUILDKIT_AZURE_STORAGE_ACCOUNT_URL'];
      if (text === undefined)
        throw invalidArgument('either ${BUILDKIT_AZURE_STORAGE_ACCOUNT_URL} or account_url attribute is required for azblob cache');
      const base = URL.parse(text);
      if (base === null) throw invalidArgument('azure storage account url provided is not a valid url');
      const account =
        attributes.text('account_name') ?? environment['BUILDKIT_AZURE_STORAGE_ACCOUNT_NAME'] ?? base.hostname.split('.')[0] ?? '';
      const container = attributes.text('container') ?? environment['BUILDKIT_AZURE_STORAGE_CONTAINER'] ?? 'buildkit-cache';
      const prefix = attributes.text('prefix') ?? environment['BUILDKIT_AZURE_STORAGE_PREFIX'] ?? '';
      const manifests = attributes.text('manifests_prefix') ?? 'manifests';
      const blobs = attributes.text('blobs_prefix') ?? 'blobs';
      const names = (attributes.text('name') ?? 'buildkit').split(';');
      const key = attributes.text('secret_access_key');
      if (key === undefined) throw invalidArgument('secret_access_key is required for azblob cache: no other credentials are supported');
      base.pathname = `${base.pathname.replace(/\/$/, '')}/${encodeURIComponent(container)}`;
      const join = (...parts: readonly string[]): string =>
        parts
          .flatMap((part) => part.split('/'))
          .filter(Boolean)
          .join('/');
      return place(
        { base, account, key },
        (digest) => join(prefix, blobs, digest),
        names.map((name) => join(prefix, manifests, name)),
      );
    },
  };
}

function place(container: Container, blobName: (digest: string) => string, documents: readonly string[]): ObjectPlace {
  let made: Promise<void> | undefined;
  const ready = (ctx: CallContext): Promise<void> => (made ??= makeContainer(container, ctx));
  return {
    async has(ctx, { digest }) {
      await ready(ctx);
      const answer = await ask(container, ctx, { method: 'HEAD', name: blobName(digest) });
      answer.resume();
      if (answer.statusCode === 404) return false;
      await expectStatus(answer, urlOf(container, blobName(digest)), 200);
      return true;
    },
    // Somebody else may have written it meanwhile: the same bytes.
    put: (ctx, { digest }, body) =>
      put(container, ctx, { name: blobName(digest), body, headers: { 'if-none-match': '*' }, statuses: [201, 409, 412] }),
    async *get(ctx, { digest }, offset) {
      const name = blobName(digest);
      const answer = await ask(container, ctx, { method: 'GET', name, headers: offset === 0 ? {} : { 'x-ms-range': `bytes=${offset}-` } });
      yield* (await expectStatus(answer, urlOf(container, name), offset === 0 ? 200 : 206)) as AsyncIterable<Buffer>;
    },
    async save(ctx, body) {
      await ready(ctx);
      for (const name of documents) await put(container, ctx, { name, body, headers: {}, statuses: [201] });
    },
    async load(ctx) {
      const found: Buffer[] = [];
      for (const name of documents) {
        const answer = await ask(container, ctx, { method: 'GET', name });
        if (answer.statusCode === 404) answer.resume();
        else found.push(await bodyOf(await expectStatus(answer, urlOf(container, name), 200), DOCUMENT_BYTES));
      }
      return found;
    },
  };
}

async function makeContainer(container: Container, ctx: CallContext): Promise<void> {
  const question = { name: '', query: { restype: 'container' } };
  const there = await ask(container, ctx, { ...question, method: 'HEAD' });
  there.resume();
  if (there.statusCode === 200) return;
  const answer = await ask(container, ctx, { ...question, method: 'PUT', size: 0 });
  (await expectStatus(answer, container.base, 201, 409)).resume();
}

async function put(
  container: Container,
  ctx: CallContext,
  { name, body, headers, statuses }: { name: string; body: Body; headers: Readonly<Record<string, string>>; statuses: readonly number[] },
): Promise<void> {
  if (body.size > MOST_BYTES) throw invalidArgument(`${body.digest} has ${body.size} bytes, more than a blob of azure takes at once`);
  const answer = await ask(container, ctx, {
    method: 'PUT',
    name,
    body,
    size: body.size,
    headers: { ...headers, 'x-ms-blob-type': 'BlockBlob' },
  });
  (await expectStatus(answer, urlOf(container, name), ...statuses)).resume();
}

interface Question {
  readonly method: string;
  readonly name: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly size?: number;
  readonly body?: Body;
}

function urlOf({ base }: Container, name: string, query: Readonly<Record<string, string>> = {}): URL {
  const url = new URL(base);
  if (name !== '') url.pathname = `${url.pathname}/${name.split('/').map(encodeURIComponent).join('/')}`;
  for (const [key, value] of Object.entries(query)) url.searchParams.set(key, value);
  return url;
}

async function ask(
  container: Container,
  ctx: CallContext,
  { method, name, query, headers = {}, size, body }: Question,
): ReturnType<typeof call> {
  const url = urlOf(container, name, query);
  const told: Record<string, string> = { ...headers, 'x-ms-date': new Date().toUTCString(), 'x-ms-version': VERSION };
  const authorization = `SharedKey ${container.account}:${signature(container, { method, url, headers: told, size: size ?? 0 })}`;
  const sent = size === 0 ? { 'content-length': '0' } : {};
  return call(ctx, { method, url, headers: { ...told, ...sent, authorization }, ...(body === undefined ? {} : { body }) });
}

/** Azure's SharedKey: an HMAC over method, some headers by place, all x-ms- headers and the resource. */
export function signature(
  { account, key }: Pick<Container, 'account' | 'key'>,
  {
    method,
    url,
    headers,
    size,
  }: { readonly method: string; readonly url: URL; readonly headers: Readonly<Record<string, string>>; readonly size: number },
): string {
  const at = (name: string): string => headers[name] ?? '';
  const own = Object.entries(headers)
    .filter(([name]) => name.startsWith('x-ms-'))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}:${value}`);
  const parameters = [...url.searchParams].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => `${name}:${value}`);
  const text = [
    method,
    '', // Content-Encoding
    '', // Content-Language
    size === 0 ? '' : String(size),
    '', // Content-MD5
    at('content-type'),
    '', // Date: x-ms-date says it
    '', // If-Modified-Since
    '', // If-Match
    at('if-none-match'),
    '', // If-Unmodified-Since
    '', // Range: x-ms-range says it
    ...own,
    [`/${account}${url.pathname}`, ...parameters].join('\n'),
  ].join('\n');
  return createHmac('sha256', Buffer.from(key, 'base64')).update(text).digest('base64');
}
