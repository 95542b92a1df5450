import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createNetServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { VersionService } from '@gantry/api/containerd/services/version/v1/version';
import { connectStream, createServer, newContext, silentLogger } from '@gantry/rpc';
import { defaults } from './config';
import { listenTcp } from './listen';

const OPENSSL = '/usr/bin/openssl';
const secured = existsSync(OPENSSL) ? test : test.skip;
let folder: string;
const open: { close(): unknown }[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'build-tls-'));
});
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
  rmSync(folder, { recursive: true });
});

/** A certificate that is its own authority, as `<name>.pem` and `<name>.key`. */
function certificate(name: string): { readonly cert: Buffer; readonly key: Buffer } {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', `${name}.key`];
  const named = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1'];
  execFileSync(OPENSSL, ['req', '-x509', ...key, ...named, '-days', '2', '-out', `${name}.pem`], { cwd: folder, stdio: 'pipe' });
  return { cert: readFileSync(join(folder, `${name}.pem`)), key: readFileSync(join(folder, `${name}.key`)) };
}

async function freePort(): Promise<number> {
  const server = createNetServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A builder's listener that takes clients with the certificate `client` only; what it answers to a client with these options. */
async function serve(): Promise<(options: ConnectionOptions) => Promise<string>> {
  const server = createServer({ logger: silentLogger });
  open.push({ close: () => server.stop(100) });
  server.addService(VersionService, { version: async () => ({ version: '7', revision: '' }) });
  const port = await freePort();
  const at = (name: string): string => join(folder, name);
  const tls = { tlscacert: at('client.pem'), tlscert: at('server.pem'), tlskey: at('server.key') };
  open.push({ close: await listenTcp({ ...defaults, addresses: [`tcp://127.0.0.1:${port}`], ...tls }, server, silentLogger) });
  return async (options) => {
    const socket = connectTls({ port, host: '127.0.0.1', ca: readFileSync(at('server.pem')), ...options });
    open.push({ close: () => socket.destroy() });
    const failed = new Promise<never>((_resolve, reject) => socket.once('error', reject));
    const asked = connectStream(socket).client(VersionService).version(newContext(), {}, { timeoutMs: 10_000 });
    return (await Promise.race([asked, failed])).version;
  };
}

secured.each([
  ['HTTP/2', { ALPNProtocols: ['h2'] }],
  ["no protocol, as buildx's remote driver", {}],
])('a client with a certificate is served that asks for %s', async (_how, options) => {
  const client = certificate('client');
  certificate('server');
  const ask = await serve();
  expect(await ask({ ...client, ...options })).toBe('7');
});

secured('a client without a certificate, or with a stranger’s, is refused', async () => {
  certificate('client');
  certificate('server');
  const ask = await serve();
  await expect(ask({ ALPNProtocols: ['h2'] })).rejects.toThrow();
  await expect(ask({ ...certificate('stranger'), ALPNProtocols: ['h2'] })).rejects.toThrow();
});
