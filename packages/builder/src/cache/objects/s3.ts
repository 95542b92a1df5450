import { type AwsCredentials, signV4 } from '@gantry/aws';
import { type CallContext, invalidArgument } from '@gantry/rpc';
import type { Attributes } from '../attributes';
import { bodyOf, call, expectStatus } from './http';
import { bodyOfBytes, type Body, type ObjectKind, type ObjectPlace } from './objects';

/** Environment of the service that stands in for attributes. */
export type Environment = Readonly<Record<string, string | undefined>>;

const DOCUMENT_BYTES = 64 << 20;
/** What one request may store. */
const MOST_BYTES = 5 * 1024 ** 3;

interface Bucket {
  readonly base: URL;
  readonly region: string;
  readonly credentials: AwsCredentials | undefined;
  readonly refreshMs: number;
}

/** `type=s3`: Amazon's protocol, at Amazon or at `endpoint_url`. */
export function s3Kind(environment: Environment): ObjectKind {
  return {
    type: 's3',
    name: 'exporting cache to Amazon S3',
    open(attributes) {
      const bucket = attributes.text('bucket') ?? environment['AWS_BUCKET'];
      if (bucket === undefined) throw invalidArgument('bucket ($AWS_BUCKET) not set for s3 cache');
      const region = attributes.text('region') ?? environment['AWS_REGION'];
      if (region === undefined) throw invalidArgument('region ($AWS_REGION) not set for s3 cache');
      const prefix = attributes.text('prefix') ?? '';
      const manifests = attributes.text('manifests_prefix') ?? 'manifests/';
      const blobs = attributes.text('blobs_prefix') ?? 'blobs/';
      const names = (attributes.text('name') ?? 'buildkit').split(';');
      const atOnce = attributes.number('upload_parallelism');
      if (atOnce !== undefined && atOnce <= 0) throw invalidArgument('upload_parallelism must be a positive integer');
      const refreshMs = duration(attributes.text('touch_refresh') ?? '24h');
      const base = baseOf(bucket, region, attributes.text('endpoint_url'), attributes.boolean('use_path_style', false));
      const credentials = credentialsOf(attributes, environment);
      const made = place(
        { base, region, credentials, refreshMs },
        (digest) => `${prefix}${blobs}${digest}`,
        names.map((name) => `${prefix}${manifests}${name}`),
      );
      return atOnce === undefined ? made : { ...made, atOnce };
    },
  };
}

function baseOf(bucket: string, region: string, endpoint: string | undefined, pathStyle: boolean): URL {
  const url = URL.parse(endpoint ?? `https://s3.${region}.amazonaws.com`);
  if (url === null) throw invalidArgument('endpoint_url of the s3 cache is no URL');
  if (pathStyle && endpoint !== undefined) url.pathname = `${url.pathname.replace(/\/$/, '')}/${encodeURIComponent(bucket)}/`;
  else url.host = `${bucket}.${url.host}`;
  return url;
}

function credentialsOf(attributes: Attributes, environment: Environment): AwsCredentials | undefined {
  const id = attributes.text('access_key_id') ?? environment['AWS_ACCESS_KEY_ID'];
  const secret = attributes.text('secret_access_key') ?? environment['AWS_SECRET_ACCESS_KEY'];
  const token = attributes.text('session_token') ?? environment['AWS_SESSION_TOKEN'];
  return id === undefined || secret === undefined
    ? undefined
    : { accessKeyId: id, secretAccessKey: secret, ...(token === undefined ? {} : { sessionToken: token }) };
}

function place(bucket: Bucket, blobName: (digest: string) => string, documents: readonly string[]): ObjectPlace {
  return {
    async has(ctx, { digest }) {
      const name = blobName(digest);
      const answer = await ask(bucket, ctx, { method: 'HEAD', name });
      answer.resume();
      if (answer.statusCode === 404) return false;
      await expectStatus(answer, urlOf(bucket, name), 200);
      const modified = Date.parse(answer.headers['last-modified'] ?? '');
      if (Date.now() - modified > bucket.refreshMs) await touch(bucket, ctx, name);
      return true;
    },
    put: (ctx, { digest }, body) => put(bucket, ctx, blobName(digest), body),
    async *get(ctx, { digest }, offset) {
      const name = blobName(digest);
      const answer = await ask(bucket, ctx, { method: 'GET', name, headers: offset === 0 ? {} : { range: `bytes=${offset}-` } });
      yield* (await expectStatus(answer, urlOf(bucket, name), offset === 0 ? 200 : 206)) as AsyncIterable<Buffer>;
    },
    async save(ctx, document) {
      for (const name of documents) await put(bucket, ctx, name, document);
    },
    async load(ctx) {
      const [name = ''] = documents;
      const answer = await ask(bucket, ctx, { method: 'GET', name });
      if (answer.statusCode === 404) return answer.resume() && [];
      return [await bodyOf(await expectStatus(answer, urlOf(bucket, name), 200), DOCUMENT_BYTES)];
    },
  };
}

async function put(bucket: Bucket, ctx: CallContext, name: string, body: Body): Promise<void> {
  if (body.size > MOST_BYTES) throw invalidArgument(`${body.digest} has ${body.size} bytes, more than an object of s3 takes at once`);
  const answer = await ask(bucket, ctx, { method: 'PUT', name, body });
  (await expectStatus(answer, urlOf(bucket, name), 200)).resume();
}

/** Copies an object onto itself, so that it is as new as if it had been written. */
async function touch(bucket: Bucket, ctx: CallContext, name: string): Promise<void> {
  const url = urlOf(bucket, name);
  const source = bucket.base.pathname === '/' ? `/${bucket.base.host.split('.')[0] ?? ''}${url.pathname}` : url.pathname;
  const headers = { 'x-amz-copy-source': source, 'x-amz-metadata-directive': 'REPLACE', 'x-amz-meta-updated-at': new Date().toISOString() };
  const answer = await ask(bucket, ctx, { method: 'PUT', name, headers, body: bodyOfBytes(Buffer.alloc(0)) });
  (await expectStatus(answer, url, 200)).resume();
}

function urlOf({ base }: Bucket, name: string): URL {
  const url = new URL(base);
  url.pathname = `${url.pathname}${name.split('/').map(strict).join('/')}`;
  return url;
}

/** As the signature wants it: everything but letters, digits and -._~ in percent. */
const strict = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);

const NOTHING = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

interface Question {
  readonly method: string;
  readonly name: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Body;
}

async function ask(bucket: Bucket, ctx: CallContext, { method, name, headers = {}, body }: Question): ReturnType<typeof call> {
  const url = urlOf(bucket, name);
  const payload = body === undefined ? NOTHING : body.digest.slice(body.digest.indexOf(':') + 1);
  const { region, credentials } = bucket;
  const hashed = { ...headers, 'x-amz-content-sha256': payload };
  const signed =
    credentials === undefined
      ? headers
      : signV4({ method, url, headers: hashed, payload, region, service: 's3', at: new Date() }, credentials);
  return call(ctx, { method, url, headers: signed, ...(body === undefined ? {} : { body }) });
}

const units: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 };

/** A duration of Go's; a day where it is none, as everybody reads it. */
function duration(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)([smh])/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== text) return 24 * 3_600_000;
  return parts.reduce((sum, [, count = '', unit = '']) => sum + Number(count) * (units[unit] ?? 0), 0);
}
