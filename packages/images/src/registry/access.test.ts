import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { newContext } from '@gantry/rpc';
import { digestOf, MemoryRegistry, type MemoryRegistryOptions } from '@gantry/registry/testing';
import { hasOpenssl, OPENSSL, testCertificates, type TestCertificates } from '../testing/certificates';
import { type TestEngine, startEngine } from '../testing/engine';
import { tarOf } from '../testing/tar';

const ctx = newContext();
const login = { username: 'me', password: 'Zecr3t-Passw0rd', identityToken: '', registryToken: '', serverAddress: '' };
const basic = `Basic ${Buffer.from('me:Zecr3t-Passw0rd').toString('base64')}`;
const outside = Object.values(networkInterfaces())
  .flatMap((each) => each ?? [])
  .find(({ internal, family }) => !internal && family === 'IPv4')?.address;
let engine: TestEngine;
let config: string;
let layer: Buffer;
let certificates: TestCertificates;
const registries: MemoryRegistry[] = [];

beforeAll(async () => {
  layer = await tarOf([{ name: 'f', body: 'x'.repeat(1000) }]);
  if (hasOpenssl) certificates = await testCertificates(['127.0.0.1', ...(outside === undefined ? [] : [outside])]);
});
afterAll(() => certificates?.remove());
beforeEach(async () => {
  config = await mkdtemp(join(tmpdir(), 'gi-access-'));
  engine = await startEngine({ 'registry-config-path': [config] });
});
afterEach(async () => {
  await engine.stop();
  await rm(config, { recursive: true, force: true });
  for (const registry of registries.splice(0)) await registry.stop();
});

async function registry(options: MemoryRegistryOptions = {}): Promise<MemoryRegistry> {
  const made = await MemoryRegistry.start(options);
  registries.push(made);
  made.image('a', '1', [{ blob: layer, diffId: digestOf(layer) }]);
  return made;
}
const pull = async (ref: string, auth?: typeof login): Promise<string> => {
  let id = '';
  for await (const answer of engine.images.pull(ctx, { ref, allTags: false, platform: undefined, auth }))
    if (answer.imageId !== '') id = answer.imageId;
  return id;
};
async function hosts(host: string, text: string, name = 'hosts.toml'): Promise<void> {
  await mkdir(join(config, host), { recursive: true });
  await writeFile(join(config, host, name), text);
}
const refuse = (response: ServerResponse, challenge: string): true =>
  response.writeHead(401, { 'WWW-Authenticate': challenge }).end() !== undefined || true;

if (!hasOpenssl) console.warn(`skipped: ${OPENSSL} is not installed`);
(hasOpenssl ? describe : describe.skip)('TLS', () => {
  const tls = (options: object = {}) => ({ cert: certificates.server.cert, key: certificates.server.key, ...options });

  test('a certificate of an own authority counts where hosts.toml names it, and nowhere else', async () => {
    const secure = await registry({ tls: tls() });
    await hosts(secure.host, `server = "https://${secure.host}"\n`);
    await expect(pull(`${secure.host}/a:1`)).rejects.toMatchObject({
      kind: 'unavailable',
      message: expect.stringContaining('failed to verify certificate') as string,
    });
    await hosts(secure.host, `server = "https://${secure.host}"\nca = "${certificates.dir}/ca.crt"\n`);
    expect(await pull(`${secure.host}/a:1`)).toMatch(/^sha256:/);
  });

  test('skip_verify', async () => {
    const secure = await registry({ tls: tls() });
    await hosts(secure.host, `server = "https://${secure.host}"\nskip_verify = true\n`);
    expect(await pull(`${secure.host}/a:1`)).toMatch(/^sha256:/);
  });

  const outsideTest = outside === undefined ? test.skip : test;
  const beyond = outside === undefined ? ' [needs an address that is not on loopback]' : '';
  outsideTest(`docker's folder: authority and client certificate of a host that is not on loopback${beyond}`, async () => {
    const secure = await registry({
      address: outside ?? '',
      tls: tls({ ca: certificates.ca, requestCert: true, rejectUnauthorized: true }),
    });
    await expect(pull(`${secure.host}/a:1`)).rejects.toMatchObject({ kind: 'unavailable' });
    await hosts(secure.host, certificates.ca, 'ca.crt');
    await expect(pull(`${secure.host}/a:1`)).rejects.toThrow();
    await hosts(secure.host, certificates.client.cert, 'me.cert');
    await hosts(secure.host, certificates.client.key, 'me.key');
    expect(await pull(`${secure.host}/a:1`)).toMatch(/^sha256:/);
  });

  outsideTest(`attack 33: plain HTTP is not tried where it is not configured${beyond}`, async () => {
    const plain = await registry({ address: outside ?? '' });
    await expect(pull(`${plain.host}/a:1`, login)).rejects.toThrow(/HTTP response to HTTPS client/);
    expect(plain.seen).toEqual([]);
  });

  test('attack 33: client certificate, headers and credentials stay with the host they are for', async () => {
    const shown: (string | undefined)[] = [];
    const peer = (request: IncomingMessage): string | undefined =>
      (request.socket as TLSSocket).getPeerCertificate().subject?.CN as string | undefined;
    const storage = await registry({
      tls: tls({ ca: certificates.ca, requestCert: true, rejectUnauthorized: false }),
      fault: (request) => shown.push(peer(request)) < 0,
    });
    const secure = await registry({
      tls: tls({ ca: certificates.ca, requestCert: true, rejectUnauthorized: true }),
      guard: (request, response) => request.headers.authorization !== basic && refuse(response, 'Basic realm="r"'),
      fault: (request, response) => {
        if (!(request.url ?? '').endsWith(digestOf(layer))) return false;
        response.writeHead(307, { Location: `https://${storage.host}${request.url ?? ''}` }).end();
        return true;
      },
    });
    await hosts(
      secure.host,
      `server = "https://${secure.host}"\nca = "${certificates.dir}/ca.crt"\nclient = [["${certificates.dir}/client.crt", "${certificates.dir}/client.key"]]\n[header]\n  x-own = "mine"\n`,
    );
    expect(await pull(`${secure.host}/a:1`, login)).toMatch(/^sha256:/);
    expect(secure.seen.every(({ headers }) => headers['x-own'] === 'mine')).toBe(true);
    expect(shown).toEqual([undefined]);
    expect(storage.seen.map(({ headers }) => [headers.authorization, headers['x-own']])).toEqual([[undefined, undefined]]);
  });
});

describe('mirrors', () => {
  test('asked first, without credentials; what they lack or break comes from the registry', async () => {
    const mirror = await registry({
      fault: (request, response) =>
        (request.url ?? '').includes('/blobs/') &&
        (request.url ?? '').includes(digestOf(layer)) &&
        response.writeHead(404).end() !== undefined,
    });
    const upstream = await registry({
      guard: (request, response) => request.headers.authorization !== basic && refuse(response, 'Basic realm="r"'),
    });
    await hosts(
      upstream.host,
      `server = "http://${upstream.host}"\n[host."http://${mirror.host}"]\n  capabilities = ["pull", "resolve"]\n`,
    );
    expect(await pull(`${upstream.host}/a:1`, login)).toMatch(/^sha256:/);
    expect(mirror.count('GET', `/manifests/1?ns=${encodeURIComponent(upstream.host)}`)).toBe(1);
    expect(mirror.seen.every(({ headers }) => headers.authorization === undefined)).toBe(true);
    expect(upstream.count('GET', '/manifests/')).toBe(0);
    expect(upstream.sentOf(digestOf(layer))).toBe(layer.length);
  });

  test('one that may not resolve is not asked what a tag means', async () => {
    const mirror = await registry();
    const upstream = await registry();
    await hosts(upstream.host, `server = "http://${upstream.host}"\n[host."http://${mirror.host}"]\n  capabilities = ["pull"]\n`);
    await pull(`${upstream.host}/a:1`);
    expect(mirror.count('GET', '/manifests/1')).toBe(0);
    expect(upstream.count('GET', '/manifests/1')).toBe(1);
    expect([mirror.sentOf(digestOf(layer)), upstream.sentOf(digestOf(layer))]).toEqual([layer.length, 0]);
  });

  test('one that cannot be reached is passed over', async () => {
    const upstream = await registry();
    await hosts(upstream.host, `server = "http://${upstream.host}"\n[host."http://127.0.0.1:1"]\n`);
    expect(await pull(`${upstream.host}/a:1`)).toMatch(/^sha256:/);
  });
});

describe('login and tokens', () => {
  /** A registry whose token service is itself; answers what was asked of the service. */
  async function tokens(answer: (request: IncomingMessage, body: URLSearchParams) => object | number) {
    const asked: { method: string; query: URLSearchParams; form: URLSearchParams; authorization: string | undefined }[] = [];
    let host = '';
    const made = await registry({
      guard: (request, response) => {
        const url = new URL(request.url ?? '', 'http://r');
        if (url.pathname === '/token') {
          const parts: Buffer[] = [];
          request.on('data', (part: Buffer) => parts.push(part));
          request.on('end', () => {
            const form = new URLSearchParams(Buffer.concat(parts).toString());
            asked.push({ method: request.method ?? '', query: url.searchParams, form, authorization: request.headers.authorization });
            const said = answer(request, form);
            if (typeof said === 'number') response.writeHead(said).end();
            else response.end(JSON.stringify(said));
          });
          return true;
        }
        return request.headers.authorization !== 'Bearer t0k' && refuse(response, `Bearer realm="http://${host}/token",service="svc"`);
      },
    });
    host = made.host;
    return { host, asked };
  }
  const check = (auth: Partial<typeof login>) => engine.images.checkAuth(ctx, { auth: { ...login, ...auth } });

  test('login asks for an identity token; a pull uses it instead of the password', async () => {
    const { host, asked } = await tokens((_request, form) => ({
      token: 't0k',
      ...(form.get('grant_type') === 'refresh_token' ? {} : { refresh_token: 'id-1' }),
    }));
    expect(await check({ serverAddress: host })).toEqual({ status: 'Login Succeeded', identityToken: 'id-1' });
    expect(asked[0]).toMatchObject({ method: 'GET', authorization: basic });
    expect(Object.fromEntries(asked[0]?.query ?? [])).toEqual({
      service: 'svc',
      account: 'me',
      offline_token: 'true',
      client_id: 'gantry',
    });
    expect(await pull(`${host}/a:1`, { ...login, username: '', password: '', identityToken: 'id-1' })).toMatch(/^sha256:/);
    expect(asked[1]).toMatchObject({ method: 'POST', authorization: undefined });
    expect(Object.fromEntries(asked[1]?.form ?? [])).toEqual({
      grant_type: 'refresh_token',
      service: 'svc',
      client_id: 'gantry',
      scope: 'repository:a:pull',
      refresh_token: 'id-1',
    });
    expect(asked).toHaveLength(2);
  });

  test('a token service that knows POST only', async () => {
    const { host, asked } = await tokens((request) => (request.method === 'GET' ? 405 : { access_token: 't0k', refresh_token: 'id-2' }));
    expect(await check({ serverAddress: `http://${host}/v2/` })).toEqual({ status: 'Login Succeeded', identityToken: 'id-2' });
    expect(Object.fromEntries(asked[1]?.form ?? [])).toEqual({
      grant_type: 'password',
      service: 'svc',
      client_id: 'gantry',
      username: 'me',
      password: login.password,
      access_type: 'offline',
    });
  });

  test('basic, right and wrong', async () => {
    const { host } = await registry({
      guard: (request, response) => request.headers.authorization !== basic && refuse(response, 'Basic realm="r"'),
    });
    expect(await check({ serverAddress: host })).toEqual({ status: 'Login Succeeded', identityToken: '' });
    await expect(check({ serverAddress: host, password: 'no' })).rejects.toMatchObject({
      kind: 'unauthorized',
      message: `login attempt to http://${host}/v2/ failed with status: 401 Unauthorized`,
    });
  });

  test('attack 33: a wrong password at the token service; a service that is not encrypted; one at a metadata address', async () => {
    const { host } = await tokens(() => 401);
    await expect(check({ serverAddress: host })).rejects.toMatchObject({
      kind: 'unauthorized',
      message: 'unauthorized: incorrect username or password',
    });
    const odd = await registry({ guard: (_request, response) => refuse(response, 'Bearer realm="file:///etc/shadow"') });
    await expect(pull(`${odd.host}/a:1`, login)).rejects.toThrow(/names no usable token service/);
  });

  test('nothing of the credentials is on disk, whatever happened with them', async () => {
    const { host } = await tokens(() => ({ token: 't0k', refresh_token: 'Id3ntity' }));
    await check({ serverAddress: host });
    await pull(`${host}/a:1`, login);
    const files = await readdir(engine.dir, { recursive: true, withFileTypes: true });
    for (const file of files.filter((each) => each.isFile())) {
      const text = (await readFile(join(file.parentPath, file.name))).toString('latin1');
      for (const secret of [login.password, 'Id3ntity', 't0k']) expect([file.name, text.includes(secret)]).toEqual([file.name, false]);
    }
  });
});

describe('search', () => {
  const ask = (term: string, limit = 0) => engine.images.search(ctx, { term, limit, auth: login });

  test('the old index of a registry', async () => {
    const results = [{ name: 'team/app', description: 'ours', star_count: 3, is_official: true }, { description: 'without a name' }];
    const { host, seen } = await registry({
      fault: (request, response) => (request.url ?? '').startsWith('/v1/search') && response.end(JSON.stringify({ results })) !== undefined,
    });
    expect(await ask(`${host}/app`, 7)).toEqual({
      results: [{ name: 'team/app', description: 'ours', starCount: 3n, isOfficial: true, isAutomated: false }],
    });
    expect(seen.map(({ path, headers }) => [path, headers.authorization])).toEqual([['/v1/search?q=app&n=7', basic]]);
  });

  test('a registry without one says so; limits and schemes are checked', async () => {
    const { host } = await registry();
    await expect(ask(`${host}/app`)).rejects.toThrow('Unexpected status code 404');
    await expect(ask('x', 101)).rejects.toMatchObject({ kind: 'invalidArgument', message: 'limit 101 is outside the range of [1, 100]' });
    await expect(ask('http://x/app')).rejects.toMatchObject({ kind: 'invalidArgument' });
  });
});

describe('import from a web server', () => {
  const fetchImage = async (sourceUrl: string): Promise<string[]> => {
    const said: string[] = [];
    for await (const { progress, imageId } of engine.images.import(ctx, {
      repository: 'made',
      tag: '1',
      message: 'why',
      changes: ['ENV A=1'],
      platform: undefined,
      sourceUrl,
    }))
      said.push(imageId === '' ? (progress?.status ?? '') : imageId);
    return said;
  };

  test('downloaded, with changes and message', async () => {
    const { host } = await registry({
      fault: (request, response) =>
        request.url === '/moved'
          ? response.writeHead(302, { Location: '/root.tar' }).end() !== undefined
          : request.url === '/root.tar' && response.end(layer) !== undefined,
    });
    const said = await fetchImage(`http://${host}/moved`);
    expect(said[0]).toBe(`Downloading from http://${host}/moved`);
    const { image } = await engine.images.resolve(ctx, { ref: 'made:1', platform: undefined });
    expect(image?.id).toBe(said.at(-1));
    expect(JSON.parse(Buffer.from(image?.configJson ?? []).toString())).toMatchObject({
      config: { Env: ['A=1'] },
      history: [{ comment: 'why' }],
    });
  });

  test('a page that is not there, another scheme', async () => {
    const { host } = await registry();
    const said: unknown[] = [];
    const failing = async (): Promise<void> => {
      const request = { repository: '', tag: '', message: '', changes: [], platform: undefined, sourceUrl: `http://${host}/none` };
      for await (const message of engine.images.import(ctx, request)) said.push(message);
    };
    await expect(failing()).rejects.toMatchObject({ kind: 'notFound', message: `failed to GET http://${host}/none with status 404` });
    expect(said).toEqual([]); // docker's answer has its status then
    await expect(fetchImage('file:///etc/shadow')).rejects.toMatchObject({ kind: 'invalidArgument' });
  });
});
