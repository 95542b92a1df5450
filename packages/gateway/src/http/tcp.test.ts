import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { checkConfig, defaults, type GatewayConfig, socketGroup } from '../config';
import { type FakeContainers, fakeContainers } from '../testing/fake-container';
import { startGateway } from '../testing/gateway';
import { hostAllowed } from './host-check';
import { parseListenAddress } from './listen-address';

const loopback = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const;

test.each([
  ['127.0.0.1:2375', true],
  ['[::1]:2375', true],
  ['localhost', true],
  ['LOCALHOST.:1', true],
  ['docker.example', true],
  ['evil.example:2375', false],
  ['', false],
  ['a b', false],
  [undefined, false],
])('host %p is served: %p', (header, allowed) => {
  expect(hostAllowed(header, ['docker.example'])).toBe(allowed);
});

test.each([
  ['unix:///run/x.sock', { kind: 'unix', path: '/run/x.sock' }],
  ['tcp://127.0.0.1:2375', { kind: 'tcp', host: '127.0.0.1', port: 2375 }],
  ['tcp://[::1]:1/', { kind: 'tcp', host: '::1', port: 1 }],
  ['tcp://:2375', { kind: 'tcp', host: 'localhost', port: 2375 }],
])('%s is understood', (text, address) => expect(parseListenAddress(text)).toEqual(address));

test.each(['fd://3', 'tcp://x', 'tcp://x:99999', 'unix://relative', `unix:///${'x'.repeat(200)}`, 'http://x:1'])('%s is refused', (text) =>
  expect(() => parseListenAddress(text)).toThrow(),
);

describe('configuration', () => {
  const check = (change: Partial<GatewayConfig>) => () => checkConfig({ ...defaults, ...change });
  const tls = { tlsverify: true, tlscacert: '/ca', tlscert: '/cert', tlskey: '/key' };
  test('an open API needs mutual TLS', () => {
    expect(check({ hosts: ['tcp://0.0.0.0:2375'] })).toThrow(/open to the network/);
    expect(check({ hosts: ['tcp://0.0.0.0:2375'], ...tls, tlsverify: false, tls: true })).toThrow(/open to the network/);
    expect(check({ hosts: ['tcp://0.0.0.0:2376'], ...tls })).not.toThrow();
    expect(check({ hosts: ['tcp://127.0.0.1:2375', 'unix:///run/x.sock'] })).not.toThrow();
    expect(check({ ...tls, tlskey: '' })).toThrow(/TLS needs tlskey/);
  });
  test('groups', () => {
    expect(socketGroup('0')).toBe(0);
    expect(socketGroup('root')).toBe(0);
    expect(() => socketGroup('no-such-group')).toThrow(/does not exist/);
  });
});

test('plain TCP checks the Host header, for upgrades too', async () => {
  const gateway = await startGateway({}, { address: loopback });
  try {
    const port = Number(gateway.listener.address.split(':').pop());
    const ask = (host: string, headers = {}): Promise<number> =>
      new Promise((resolve, reject) => {
        httpRequest(
          {
            host: '127.0.0.1',
            port,
            path: '/v1.50/containers/x/attach',
            method: 'POST',
            headers: { Host: host, ...headers },
            agent: false,
          },
          (answer) => resolve(answer.resume().statusCode ?? 0),
        )
          .on('error', reject)
          .end();
      });
    expect(await ask('evil.example')).toBe(403);
    expect(await ask('evil.example', { Connection: 'Upgrade', Upgrade: 'tcp' })).toBe(403);
    expect(await ask('localhost', { Origin: 'http://localhost:8080' })).toBe(403);
    expect(await ask('localhost', { 'Sec-Fetch-Site': 'cross-site' })).toBe(403);
    expect(await ask('localhost')).toBe(501);
  } finally {
    await gateway.close();
  }
});

/** A folder with an authority and what it signed for a server and a client. */
async function makeCertificates(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'gw-tls-'));
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '2', '-subj', '/CN=test authority');
  for (const name of ['server', 'client']) {
    openssl('req', ...key, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
    await writeFile(join(folder, 'ext'), 'subjectAltName=IP:127.0.0.1\n');
    openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      '-CA',
      'ca.pem',
      '-CAkey',
      'ca.key',
      '-CAcreateserial',
      '-out',
      `${name}.pem`,
      '-days',
      '2',
      '-extfile',
      'ext',
    );
  }
  return folder;
}

test('mutual TLS serves clients of its authority only', async () => {
  const folder = await makeCertificates();
  const file = (name: string): string => join(folder, name);
  const gateway = await startGateway(
    {},
    { address: loopback, tls: { ca: file('ca.pem'), cert: file('server.pem'), key: file('server.key'), verify: true } },
  );
  try {
    const port = Number(gateway.listener.address.split(':').pop());
    const ask = (identity: object): Promise<number> =>
      new Promise((resolve, reject) => {
        httpsRequest({ host: '127.0.0.1', port, path: '/_ping', ca: readFileSync(file('ca.pem')), agent: false, ...identity }, (answer) =>
          resolve(answer.resume().statusCode ?? 0),
        )
          .on('error', reject)
          .end();
      });
    expect(await ask({ cert: readFileSync(file('client.pem')), key: readFileSync(file('client.key')) })).toBe(200);
    await expect(ask({})).rejects.toThrow();
  } finally {
    await gateway.close();
    await rm(folder, { recursive: true, force: true });
  }
});

test('a client over TLS that has no more input is told what comes', async () => {
  const folder = await makeCertificates();
  const file = (name: string): string => join(folder, name);
  let monitors: FakeContainers['monitors'] = [];
  const gateway = await startGateway(
    (broker, place) => {
      const fake = fakeContainers(broker, place, (io) => (io.stdout('late'), 0), true);
      ({ monitors } = fake);
      return fake;
    },
    { address: loopback, tls: { ca: file('ca.pem'), cert: file('server.pem'), key: file('server.key'), verify: true } },
  );
  try {
    const [ca, cert, key] = ['ca.pem', 'client.pem', 'client.key'].map((name) => readFileSync(file(name)));
    const port = Number(gateway.listener.address.split(':').pop());
    const halfOpen = { allowHalfOpen: true }; // tls.connect() takes it, its types do not know
    const socket = connectTls({ host: '127.0.0.1', port, ca, cert, key, ...halfOpen });
    let text = '';
    const answered = new Promise<void>((resolve) => socket.on('data', (chunk: Buffer) => ((text += chunk.toString()), resolve())));
    const ended = new Promise<void>((resolve) => socket.once('end', resolve));
    socket.write(
      'POST /v1.50/containers/box/attach?stream=1&stdout=1 HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n',
    );
    await answered;
    await new Promise<void>((resolve) => socket.end(resolve));
    const identity = { ca, cert, key };
    await new Promise((resolve, reject) =>
      httpsRequest({ host: '127.0.0.1', port, path: '/v1.50/containers/box/start', method: 'POST', agent: false, ...identity }, resolve)
        .on('error', reject)
        .end(),
    );
    await ended;
    expect(text.slice(text.indexOf('\r\n\r\n') + 4)).toBe('late');
  } finally {
    for (const monitor of monitors) monitor.close();
    await gateway.close();
    await rm(folder, { recursive: true, force: true });
  }
});
