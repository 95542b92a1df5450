import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import type { Digest } from '@gantry/oci';
import { digestOf, MemoryRegistry, type MemoryRegistryOptions } from './testing/memory-registry';
import { quiet } from './testing/quiet';
import { Authorizer } from './auth';
import { Calls } from './calls';
import { endpoint } from './endpoints';
import { HttpClient } from './http';
import { Repository } from './repository';
import { plainTransport } from './transport';

const data = randomBytes(3 << 20);
const digest = digestOf(data);
let server: MemoryRegistry;
let http: HttpClient;
let repository: Repository;

async function start(options: MemoryRegistryOptions = {}): Promise<void> {
  server = await MemoryRegistry.start(options);
  http = new HttpClient('test', { idleMs: 60_000, windowMs: 60_000, windowBytes: 1, pauseMs: 20, retries: 4, enough: Infinity });
  const at = endpoint(new URL(`http://${server.host}`), { transport: { ...plainTransport, insecure: true } });
  repository = new Repository(new Calls(http, at, new Authorizer(http, at, async () => undefined), quiet), 'r', {
    logger: quiet,
    ranges: 4,
    endpoint: at,
  });
}
afterEach(async () => {
  http.close();
  await server.stop();
});

const body = (offset: number): Readable => Readable.from([data.subarray(offset)], { objectMode: false });
const job = { body, digestAfter: () => digest };
const methods = (): string[] => server.seen.map(({ method }) => method);

test('a known size goes in one request, an unknown one streams', async () => {
  await start();
  expect(await repository.upload({ ...job, digest, size: data.length })).toBe('uploaded');
  expect(methods()).toEqual(['POST', 'PUT']);
  expect(server.seen[1]?.headers['content-length']).toBe(String(data.length));
  server.blobs.clear();
  expect(await repository.upload(job)).toBe('uploaded');
  expect(methods().slice(2)).toEqual(['POST', 'PATCH', 'PUT']);
  expect(server.blobs.get(digest)?.equals(data)).toBe(true);
});

test('a blob of another repository is mounted', async () => {
  await start();
  server.blob(data);
  expect(await repository.upload({ ...job, digest, size: data.length, from: 'other/place' })).toBe('mounted');
  expect(server.seen.map(({ method, path }) => `${method} ${path}`)).toEqual([
    `POST /v2/r/blobs/uploads/?mount=${encodeURIComponent(digest)}&from=other%2Fplace`,
  ]);
});

/** Cuts the first request of a method after the registry has some bytes of it. */
function cutting(method: string, after: number): NonNullable<MemoryRegistryOptions['fault']> {
  let cut = false;
  return (request) => {
    if (request.method !== method || cut) return false;
    cut = true;
    let got = 0;
    request.on('data', (part: Buffer) => {
      got += part.length;
      if (got > after) request.socket.destroy();
    });
    return false;
  };
}

test.each([
  ['PUT', data.length],
  ['PATCH', undefined],
])('a connection that breaks in a %s: the registry is asked how far it came, the rest follows', async (method, size) => {
  await start({ fault: cutting(method, 1 << 20) });
  expect(await repository.upload({ ...job, ...(size === undefined ? {} : { digest, size }) })).toBe('uploaded');
  expect(server.blobs.get(digest)?.equals(data)).toBe(true);
  expect(methods()).toEqual(['POST', method, 'GET', 'PATCH', 'PUT']);
  const [again] = server.seen.filter((each) => each.method === 'PATCH').slice(-1);
  if (size !== undefined) {
    const start_ = Number(/^(\d+)-/.exec(again?.headers['content-range'] ?? '')?.[1]);
    expect(start_).toBeGreaterThan(1 << 19);
    expect(again?.headers['content-length']).toBe(String(data.length - start_));
  }
});

test('a registry that lost the session gets a new one', async () => {
  const cut = cutting('PUT', 1 << 20);
  let lost = false;
  await start({
    fault: (request, response, blob) => {
      if (request.method === 'GET' && !lost) return (lost = true) && response.writeHead(404).end() !== undefined;
      return cut(request, response, blob);
    },
  });
  expect(await repository.upload({ ...job, digest, size: data.length })).toBe('uploaded');
  expect(methods()).toEqual(['POST', 'PUT', 'GET', 'POST', 'PUT']);
});

test('413: smaller pieces, each in its place', async () => {
  await start({
    fault: (request, response) =>
      request.method === 'PUT' &&
      Number(request.headers['content-length']) > 0 &&
      response.writeHead(413, { Connection: 'close' }).end() !== undefined &&
      request.resume() !== undefined,
  });
  await repository.upload({ ...job, digest, size: data.length });
  expect(server.blobs.get(digest)?.equals(data)).toBe(true);
  expect(server.seen.find(({ method }) => method === 'PATCH')?.headers['content-range']).toBe(`0-${data.length - 1}`);
});

test('what the registry refuses is said in its words and not tried again', async () => {
  await start({
    fault: (request, response) =>
      request.method === 'POST' &&
      response.writeHead(403).end(JSON.stringify({ errors: [{ code: 'DENIED', message: 'not yours' }] })) !== undefined,
  });
  await expect(repository.upload({ ...job, digest, size: data.length })).rejects.toMatchObject({
    kind: 'forbidden',
    message: 'denied: not yours',
  });
  expect(methods()).toEqual(['POST']);
});

test.each([true, false])('referrers: told, filtered and kept, by the call or by the tag (call: %s)', async (referrers) => {
  await start({ referrers });
  const subject = server.manifest(
    'r',
    { schemaVersion: 2, mediaType: 'application/vnd.oci.image.manifest.v1+json', config: server.blob(Buffer.from('{}')), layers: [] },
    'v1',
  );
  const put = async (artifactType: string): Promise<string> => {
    const bytes = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        artifactType,
        config: server.blob(Buffer.from('{}')),
        layers: [],
        subject,
      }),
    );
    const referrer = {
      mediaType: 'application/vnd.oci.image.manifest.v1+json' as const,
      digest: digestOf(bytes) as Digest,
      size: bytes.length,
      artifactType,
    };
    await repository.putManifest(referrer.digest, bytes, referrer.mediaType, { subject: { digest: subject.digest, referrer } });
    return referrer.digest;
  };
  expect(await repository.referrers(subject.digest, '')).toEqual([]);
  const signature = await put('application/x-signature');
  await put('application/x-signature');
  const parts = await put('application/x-parts');
  expect((await repository.referrers(subject.digest, '')).map(({ digest: own }) => own)).toEqual([signature, parts]);
  expect((await repository.referrers(subject.digest, 'application/x-parts')).map(({ digest: own }) => own)).toEqual([parts]);
  expect(server.manifests.has(`r ${subject.digest.replace(':', '-')}`)).toBe(!referrers);
});
