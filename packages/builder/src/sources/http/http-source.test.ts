import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { ResolveSourceMetaRequest } from '@gantry/api/moby/buildkit/v1/frontend/gateway';
import { locateProgram } from '@gantry/native';
import { sha256 } from '@gantry/oci';
import { HttpClient } from '@gantry/registry';
import { newContext, notFound } from '@gantry/rpc';
import type { Session } from '../../session/session';
import type { StepContext } from '../../solver/op';
import { openBuildStore, type Store } from '../../store';
import { PlainTrees } from '../local/testing/plain-trees';
import { makeHttpSource } from './http-source';
import { httpStateTable, KnownFiles } from './known-files';

let base: string;
let server: Server;
let trees: PlainTrees;
let store: Store;
let seen: IncomingMessage[];
let headers: Record<string, string>;
let body: string | Buffer;
const http = new HttpClient('test');

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'http-'));
  trees = await PlainTrees.make(base);
  store = openBuildStore(':memory:', [httpStateTable]);
  [seen, headers, body] = [[], { etag: 'W/"one"', 'last-modified': 'Thu, 01 Jan 1970 00:00:09 GMT' }, 'content'];
  server = createServer((request, response) => {
    seen.push(request);
    if (request.url?.startsWith('/away') === true)
      return void response.writeHead(302, { location: request.url.slice('/away'.length) }).end();
    if (request.url === '/none') return void response.writeHead(404).end();
    if (request.headers['if-none-match']?.includes('"one"') === true && headers['etag']?.includes('"one"') === true)
      return void response.writeHead(304).end();
    response.writeHead(200, headers).end(body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(async () => {
  server.close();
  server.closeAllConnections();
  store.close();
  await rm(base, { recursive: true });
});
afterAll(() => http.close());

const secrets: Record<string, string> = {};
const uploads: Record<string, string[]> = {};
const session = {
  serves: () => true,
  client: () => ({
    getSecret: async (_ctx: unknown, { ID }: { ID: string }) => ({ data: Buffer.from(secrets[ID] ?? '') }),
    async *pull(_ctx: unknown, _asked: unknown, { metadata }: { metadata: Record<string, string[]> }) {
      const parts = uploads[`${metadata['urlhost']?.[0]}${metadata['urlpath']?.[0]}`];
      if (parts === undefined) throw notFound('no such upload');
      for (const part of parts) yield { data: Buffer.from(part) };
    },
  }),
} as unknown as Session;
const step = {
  call: newContext(),
  sessions: { ids: ['s'], any: (use: (one: Session) => Promise<unknown>) => use(session) },
  progress: {},
} as unknown as StepContext;
const url = (path: string): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;
const source = () =>
  makeHttpSource({ refs: trees.refs, http, known: new KnownFiles(store), program: locateProgram('gantry-native', __dirname) });
const open = (path: string, attributes: Record<string, string> = {}) => source().open(url(path), attributes, undefined);

test('a file with name, mode, owner and time', async () => {
  const ref = await open('/a/file.txt?x=1', { 'http.perm': '0755', 'http.uid': '3', 'http.gid': '4' }).tree(step);
  const path = join(trees.path(ref?.id ?? ''), 'file.txt');
  const status = await stat(path);
  expect([await readFile(path, 'utf8'), status.mode & 0o7777, status.uid, status.gid, status.mtimeMs]).toEqual([
    'content',
    0o755,
    3,
    4,
    9000,
  ]);
});

test('it is fetched again only when it changed', async () => {
  const first = await open('/f').key(step);
  const again = open('/f');
  expect(await again.key(step)).toEqual(first);
  expect([(await again.tree(step))?.id, seen.map(({ method }) => method)]).toEqual(['t0', ['GET', 'HEAD']]);
  [headers, body] = [{ etag: '"two"' }, 'other'];
  expect((await open('/f').key(step)).pin).toBe(sha256(Buffer.from('other')));
});

test('one step asks once, and what comes packed is unpacked', async () => {
  headers = { etag: '"g"', 'content-encoding': 'gzip' };
  body = gzipSync('content');
  const file = open('/f');
  const { pin } = await file.key(step);
  expect(pin).toBe(sha256(Buffer.from('content')));
  const ref = await file.tree(step);
  expect(await readFile(join(trees.path(ref?.id ?? ''), 'f'), 'utf8')).toBe('content');
  expect(seen.map(({ method, headers: sent }) => [method, sent['accept-encoding']])).toEqual([['GET', 'gzip']]);
  body = gzipSync('content').subarray(0, 20);
  headers = { ...headers, etag: '"cut"' };
  await expect(open('/f').tree(step)).rejects.toThrow();
});

test('a file that the client sends in its session', async () => {
  uploads['buildkit-session/id'] = ['one ', 'two'];
  const source = makeHttpSource({
    refs: trees.refs,
    http,
    known: new KnownFiles(store),
    program: locateProgram('gantry-native', __dirname),
  });
  const file = source.open('http://buildkit-session/id', { 'http.filename': 'context' }, undefined);
  expect((await file.key(step)).pin).toBe(sha256(Buffer.from('one two')));
  const ref = await file.tree(step);
  expect(await readFile(join(trees.path(ref?.id ?? ''), 'context'), 'utf8')).toBe('one two');
  await expect(source.open('http://buildkit-session/other', {}, undefined).key(step)).rejects.toThrow('no such upload');
});

test('a checksum is the key without asking, and is held to', async () => {
  const right = open('/f', { 'http.checksum': sha256(Buffer.from('content')) });
  await right.key(step);
  expect(seen).toHaveLength(0);
  await right.tree(step);
  const wrong = sha256(Buffer.from('x'));
  await expect(open('/f', { 'http.checksum': wrong }).tree(step)).rejects.toThrow(
    `digest mismatch ${sha256(Buffer.from('content'))}: ${wrong}`,
  );
});

test('a secret of the client is the header, for the host alone', async () => {
  secrets['mine'] = 'Bearer abc';
  await open(`/away${'/x'}`, { 'http.authheadersecret': 'mine' }).tree(step);
  expect(seen.map(({ headers: { authorization } }) => authorization)).toEqual(['Bearer abc', 'Bearer abc']);
  const elsewhere = `http://localhost:${(server.address() as AddressInfo).port}/y`;
  seen = [];
  await open(`/away${elsewhere}`, { 'http.authheadersecret': 'mine' }).tree(step);
  expect(seen.map(({ headers: { authorization } }) => authorization)).toEqual(['Bearer abc', undefined]);
});

test.each(['../up', 'a/b', '.', 'x\0y'])('attack 43: the name %j is refused', (filename) => {
  expect(() => open('/f', { 'http.filename': filename })).toThrow('is no file name');
});

test.each(['attachment; filename="../../up"', 'attachment; filename=".."', 'attachment; filename="/etc/up"'])(
  'attack 43: a server that says %j writes into the tree alone',
  async (disposition) => {
    headers['content-disposition'] = disposition;
    const ref = await open('/f').tree(step);
    expect(await readdir(trees.path(ref?.id ?? ''))).toHaveLength(1);
  },
);

test('what is not there is an error', async () => {
  await expect(open('/none').key(step)).rejects.toThrow('invalid response status 404');
});

describe('what is told of a file before it is built with', () => {
  const resolve = async (path: string, request?: { Algo: number; Suffix: Buffer }) =>
    (
      await source().resolve(
        step,
        ResolveSourceMetaRequest.fromPartial({
          Source: { identifier: url(path) },
          ...(request && { HTTP: { ChecksumRequest: request } }),
        }),
      )
    ).HTTP;

  test('its checksum, name and time', async () => {
    expect(await resolve('/a/f')).toMatchObject({ Checksum: sha256(Buffer.from('content')), Filename: 'f', LastModified: { seconds: 9n } });
  });

  test.each([
    [0, 'sha256'],
    [1, 'sha384'],
    [2, 'sha512'],
  ])('algorithm %d: the %s of the file and what a signature puts behind it', async (Algo, name) => {
    const Suffix = Buffer.from([4, 0, 1, 255]);
    const digest = createHash(name).update('content').update(Suffix).digest('hex');
    expect((await resolve('/a/f', { Algo, Suffix }))?.ChecksumResponse).toEqual({ Digest: `${name}:${digest}`, Suffix });
  });

  test.each([
    [99, 1, 'unsupported checksum algorithm 99'],
    [0, 4097, 'suffix exceeds max size 4096'],
  ])('algorithm %d with %d bytes is refused before anything is fetched', async (Algo, length, message) => {
    await expect(resolve('/a/f', { Algo, Suffix: Buffer.alloc(length) })).rejects.toThrow(message);
    expect(seen).toEqual([]);
  });
});
