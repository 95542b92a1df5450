import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newContext } from '@gantry/rpc';
import { Proxies, shownProxies } from '@gantry/registry';
import { digestOf, MemoryRegistry } from '@gantry/registry/testing';
import { proxySettings } from '../config';
import { hasOpenssl, OPENSSL, testCertificates, type TestCertificates } from '../testing/certificates';
import { startEngine, type TestEngine } from '../testing/engine';
import { dockerArchive, tarOf } from '../testing/tar';

const ctx = newContext();

describe('which proxy a URL goes through', () => {
  const choose = (no: string, url: string): string | undefined =>
    new Proxies({ http: 'http://p:1', https: 'q:2', no }).for(new URL(url))?.url.host;

  test.each<[no: string, url: string, proxy: string | undefined]>([
    ['', 'http://example.com', 'p:1'],
    ['', 'https://example.com', 'q:2'],
    ['', 'http://localhost:5000', undefined],
    ['', 'https://127.3.2.1', undefined],
    ['', 'http://[::1]:5000', undefined],
    ['', 'https://10.0.0.1', 'q:2'],
    ['*', 'https://example.com', undefined],
    ['example.com', 'https://example.com:5000', undefined],
    ['example.com', 'https://a.Example.com', undefined],
    ['example.com', 'https://notexample.com', 'q:2'],
    ['.example.com', 'https://example.com', 'q:2'],
    ['.example.com', 'https://a.example.com', undefined],
    ['*.example.com', 'https://example.com', 'q:2'],
    ['example.com:5000', 'https://example.com', 'q:2'],
    ['example.com:443', 'https://example.com', undefined],
    ['10.0.0.1', 'https://10.0.0.1:5000', undefined],
    ['0.0.1', 'https://10.0.0.1', 'q:2'],
    ['a, 10.0.0.0/8', 'https://10.2.3.4', undefined],
    ['10.0.0.0/8', 'https://11.2.3.4', 'q:2'],
    ['fd00::/8', 'https://[fd00::1]', undefined],
  ])('no-proxy %j: %s goes through %s', (no, url, proxy) => expect(choose(no, url)).toBe(proxy));

  test('the configuration goes before the environment, and that has names in two cases', () => {
    const env = { HTTP_PROXY: 'http://upper', http_proxy: 'http://lower', https_proxy: 'http://s', NO_PROXY: 'a' };
    const none = { 'http-proxy': '', 'https-proxy': '', 'no-proxy': '' };
    expect(proxySettings({ proxies: none }, env)).toEqual({ http: 'http://upper', https: 'http://s', no: 'a' });
    expect(proxySettings({ proxies: { ...none, 'http-proxy': 'http://own', 'no-proxy': 'b' } }, env)).toEqual({
      http: 'http://own',
      https: 'http://s',
      no: 'b',
    });
  });

  test('a proxy that is not spoken is refused, and no password is shown', () => {
    expect(() => new Proxies({ http: '', https: 'socks5://me:secret@p:1', no: '' })).toThrow(
      'https-proxy: "socks5://xxxxx:xxxxx@p:1" is not the URL of an http or https proxy',
    );
    expect(shownProxies({ http: 'http://me:secret@p:1/', https: 'q:2', no: 'a' })).toEqual({
      http: 'http://xxxxx:xxxxx@p:1/',
      https: 'q:2',
      no: 'a',
    });
  });
});

/** A proxy that asks for a password and knows names that no name server does: what arrives, came through it. */
class TestProxy {
  readonly seen: string[] = [];
  private readonly sockets = new Set<Socket>();
  private constructor(
    readonly server: Server,
    private readonly names: ReadonlyMap<string, string>,
  ) {}

  static async start(names: ReadonlyMap<string, string>): Promise<TestProxy> {
    const server = createServer();
    const proxy = new TestProxy(server, names);
    server.on('request', (incoming, outgoing) => {
      const to = proxy.admit(incoming, incoming.method ?? '', new URL(incoming.url ?? '').host);
      if (to === undefined) return void outgoing.writeHead(407).end();
      const { pathname, search } = new URL(incoming.url ?? '');
      const { 'proxy-authorization': _own, ...headers } = incoming.headers;
      incoming.pipe(
        request({ host: to.hostname, port: to.port, method: incoming.method, path: pathname + search, headers }, (answer) => {
          outgoing.writeHead(answer.statusCode ?? 0, answer.headers);
          answer.pipe(outgoing);
        }),
      );
    });
    server.on('connect', (incoming: IncomingMessage, socket: Socket) => {
      const to = proxy.admit(incoming, 'CONNECT', incoming.url ?? '');
      if (to === undefined) return void socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
      const onward = connect(Number(to.port), to.hostname, () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
        socket.pipe(onward).pipe(socket);
      });
      for (const each of [socket, onward]) {
        proxy.sockets.add(each);
        each.on('error', () => undefined);
      }
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  private admit(incoming: IncomingMessage, method: string, host: string): URL | undefined {
    if (incoming.headers['proxy-authorization'] !== `Basic ${Buffer.from('me:s3cret').toString('base64')}`) return undefined;
    this.seen.push(`${method} ${host}`);
    return new URL(`http://${this.names.get(host) ?? host}`);
  }
}

const NAME = 'registry.invalid';
let certificates: TestCertificates | undefined;
let engine: TestEngine | undefined;
const stops: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  if (hasOpenssl) certificates = await testCertificates([NAME, '127.0.0.1']);
});
afterAll(() => certificates?.remove());
afterEach(async () => {
  await engine?.stop();
  engine = undefined;
  for (const stop of stops.splice(0)) await stop();
});

async function surroundings(secure: boolean, change: object = {}) {
  const tls = certificates?.server;
  const registry = await MemoryRegistry.start(secure ? { tls: tls ?? {} } : {});
  stops.push(() => registry.stop());
  const port = secure ? 443 : 80;
  const proxy = await TestProxy.start(
    new Map([
      [`${NAME}:${port}`, registry.host],
      [NAME, registry.host],
    ]),
  );
  stops.push(() => proxy.stop());
  const config = await mkdtemp(join(tmpdir(), 'gi-proxy-'));
  stops.push(() => rm(config, { recursive: true }));
  await mkdir(join(config, NAME));
  if (secure) await writeFile(join(config, NAME, 'ca.crt'), certificates?.ca ?? '');
  else await writeFile(join(config, NAME, 'hosts.toml'), `server = "http://${NAME}"\n`);
  const address = `http://me:s3cret@127.0.0.1:${proxy.port}`;
  engine = await startEngine({
    'registry-config-path': [config],
    proxies: { 'http-proxy': address, 'https-proxy': address, 'no-proxy': '', ...change },
  });
  return { registry, proxy, engine };
}

const pull = async (ref: string): Promise<string> => {
  let id = '';
  for await (const answer of (engine as TestEngine).images.pull(ctx, { ref, allTags: false, platform: undefined, auth: undefined })) {
    if (answer.progress?.error) throw new Error(answer.progress.error);
    if (answer.imageId !== '') id = answer.imageId;
  }
  return id;
};

describe.each(hasOpenssl ? [false, true] : [false])('a registry that only the proxy reaches (TLS: %s)', (secure) => {
  test('is pulled from and pushed to through it', async () => {
    const { registry, proxy, engine: own } = await surroundings(secure);
    const layer = await tarOf([{ name: 'f', body: 'x'.repeat(1000) }]);
    const { id } = registry.image('a', '1', [{ blob: layer, diffId: digestOf(layer) }]);
    expect(await pull(`${NAME}/a:1`)).toBe(id);
    const image = await dockerArchive([`${NAME}/b:1`], [[{ name: 'g', body: 'pushed' }]]);
    await own.load(image.archive);
    for await (const { progress } of own.images.push(ctx, { ref: `${NAME}/b:1`, allTags: false, auth: undefined, platform: undefined }))
      if (progress?.error) throw new Error(progress.error);
    expect(registry.manifests.has('b 1')).toBe(true);
    if (secure) expect(new Set(proxy.seen)).toEqual(new Set([`CONNECT ${NAME}:443`]));
    else expect(new Set(proxy.seen.map((line) => line.split(' ')[1]))).toEqual(new Set([NAME]));
    expect(registry.seen.some(({ headers }) => headers['proxy-authorization'] !== undefined)).toBe(false);
    expect((await own.images.getInfo(ctx, {})).proxies).toEqual({
      http: `http://xxxxx:xxxxx@127.0.0.1:${proxy.port}`,
      https: `http://xxxxx:xxxxx@127.0.0.1:${proxy.port}`,
      no: '',
    });
  });

  test('without the password the answer of the proxy is told', async () => {
    const { proxy } = await surroundings(secure);
    await engine?.restart({
      proxies: { 'http-proxy': `http://127.0.0.1:${proxy.port}`, 'https-proxy': `http://127.0.0.1:${proxy.port}`, 'no-proxy': '' },
    });
    await expect(pull(`${NAME}/a:1`)).rejects.toThrow(/407/);
  });

  test('no-proxy leads past it', async () => {
    const { proxy } = await surroundings(secure, { 'no-proxy': `.x,${NAME}` });
    await expect(pull(`${NAME}/a:1`)).rejects.toThrow(/dial tcp: lookup/);
    expect(proxy.seen).toEqual([]);
  });
});

test('loopback is never reached through a proxy', async () => {
  const { registry, proxy } = await surroundings(false);
  const layer = await tarOf([{ name: 'f', body: 'x' }]);
  const { id } = registry.image('a', '1', [{ blob: layer, diffId: digestOf(layer) }]);
  expect(await pull(`${registry.host}/a:1`)).toBe(id);
  expect(proxy.seen).toEqual([]);
});

test('a proxy that is gone is named', async () => {
  const { proxy } = await surroundings(false);
  const { port } = proxy;
  await proxy.stop();
  stops.splice(1, 1);
  await expect(pull(`${NAME}/a:1`)).rejects.toThrow(`dial tcp 127.0.0.1:${port}: connect: connection refused`);
});

if (!hasOpenssl) console.warn(`skipped: ${OPENSSL} is not installed`);
