import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ended, type Engine, loadBusybox, pinnedNode, startEngine, until } from './harness';

const [PLAIN, SECURE] = [7001, 7002];

/** A plugin of every kind, on a socket, on a port, and on one with TLS that wants to know its clients; it writes down over which it was asked what. */
const PLUGIN = `
const { appendFileSync, createReadStream, createWriteStream, existsSync, mkdirSync, readFileSync, readdirSync, rmSync } = require('node:fs');
const folder = process.argv[1];
const file = (name) => readFileSync(folder + '/' + name);
const answers = (way) => (request, response) => {
  let text = '';
  request.on('data', (part) => (text += part));
  request.on('end', () => {
    const method = request.url.slice(1);
    const body = JSON.parse(text || '{}') ?? {};
    appendFileSync(folder + '/asked', way + ' ' + method + '\\n');
    const path = folder + '/volumes/' + body.Name;
    const volume = { Name: body.Name, Mountpoint: path };
    const answer = {
      'Plugin.Activate': () => ({ Implements: ['VolumeDriver', 'LogDriver', 'NetworkDriver', 'IpamDriver', 'authz'] }),
      'VolumeDriver.Create': () => (mkdirSync(path, { recursive: true }), {}),
      'VolumeDriver.Get': () => (existsSync(path) ? { Volume: volume } : { Err: 'no such volume' }),
      'VolumeDriver.List': () => ({ Volumes: existsSync(folder + '/volumes') ? readdirSync(folder + '/volumes').map((Name) => ({ Name })) : [] }),
      'VolumeDriver.Mount': () => ({ Mountpoint: path }),
      'VolumeDriver.Remove': () => (rmSync(path, { recursive: true }), {}),
      'LogDriver.StartLogging': () => (createReadStream(body.File).pipe(createWriteStream(folder + '/log')), {}),
      'NetworkDriver.GetCapabilities': () => ({ Scope: 'local' }),
      'IpamDriver.GetDefaultAddressSpaces': () => ({ LocalDefaultAddressSpace: 'here', GlobalDefaultAddressSpace: 'there' }),
      'IpamDriver.RequestPool': () => ({ PoolID: 'pool', Pool: '10.98.0.0/24', Data: {} }),
      'IpamDriver.RequestAddress': () => ({ Address: body.Address ? body.Address + '/24' : body.Options?.RequestAddressType ? '10.98.0.254/24' : '10.98.0.7/24' }),
      'AuthZPlugin.AuthZReq': () => ({ Allow: !body.RequestUri.includes('forbidden'), Msg: 'not here' }),
      'AuthZPlugin.AuthZRes': () => ({ Allow: true }),
    }[method] ?? (() => ({}));
    response.end(JSON.stringify(answer()));
  });
};
const tls = { key: file('server.key'), cert: file('server.pem'), ca: file('ca.pem'), requestCert: true, rejectUnauthorized: true };
require('node:http').createServer(answers('socket')).listen(folder + '/plugin.socket', () =>
  require('node:http').createServer(answers('port')).listen(${PLAIN}, '127.0.0.1', () =>
    require('node:https').createServer(tls, answers('tls')).listen(${SECURE}, '127.0.0.1', () => appendFileSync(folder + '/asked', ''))));
`;

describe('plugins that leave word of themselves in spec and json files', () => {
  let folder: string;
  let engine: Engine;
  let plugin: ChildProcess;
  const asked = (): string[] => readFileSync(join(folder, 'asked'), 'utf8').split('\n').filter(Boolean);
  const ok = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await engine.docker(args);
    if (code !== 0) throw new Error(`docker ${args.join(' ')}: ${code}\n${stderr}`);
    return stdout.trim();
  };
  const refused = async (...args: string[]): Promise<string> => {
    const { code, stderr } = await engine.docker(args);
    expect(code).not.toBe(0);
    return stderr;
  };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'gantry-found-'));
    certificates(folder);
    const [specs, more] = [join(folder, 'etc'), join(folder, 'lib')];
    for (const path of [join(specs, 'far'), more]) mkdirSync(path, { recursive: true });
    const tls = { CAFile: join(folder, 'ca.pem'), CertFile: join(folder, 'client.pem'), KeyFile: join(folder, 'client.key') };
    const socket = `unix://${join(folder, 'plugin.socket')}`;
    writeFileSync(join(specs, 'near.spec'), `tcp://127.0.0.1:${PLAIN}\n`);
    writeFileSync(join(specs, 'far', 'far.json'), JSON.stringify({ Name: 'far', Addr: `https://127.0.0.1:${SECURE}`, TLSConfig: tls }));
    writeFileSync(
      join(specs, 'nobody.json'),
      JSON.stringify({ Addr: `https://127.0.0.1:${SECURE}`, TLSConfig: { ...tls, CertFile: '', KeyFile: '' } }),
    );
    writeFileSync(join(specs, 'odd.spec'), 'gopher://127.0.0.1');
    writeFileSync(join(more, 'warden.spec'), socket);
    writeFileSync(join(more, 'wire.json'), JSON.stringify({ Addr: socket }));
    const config = { plugins: { sockets: join(folder, 'none'), specs: [specs, more] } };
    engine = await startEngine('gantry', {
      config: {
        gateway: JSON.stringify({ ...config, 'authorization-plugins': ['warden'] }),
        supervisor: JSON.stringify({ plugins: { ...config.plugins, logging: join(folder, 'fifos') } }),
        images: JSON.stringify(config),
        network: JSON.stringify(config),
      },
      async before({ netns }) {
        plugin = spawn('nsenter', [`--net=/run/netns/${netns}`, pinnedNode, '-e', PLUGIN, folder], {
          stdio: ['ignore', 'ignore', 'inherit'],
        });
        await until('the plugin', () => existsSync(join(folder, 'asked')));
      },
    });
    await loadBusybox(engine);
  }, 120_000);
  afterAll(async () => {
    await engine?.destroy();
    plugin?.kill();
    if (plugin !== undefined) await ended(plugin);
    rmSync(folder, { recursive: true, force: true });
  }, 120_000);

  test.each([
    ['near', 'port'],
    ['far', 'tls'],
  ])(
    'volumes of %s, over its %s',
    async (name, way) => {
      await ok('volume', 'create', '-d', name, 'kept');
      await ok('run', '--rm', '-v', 'kept:/kept', 'busybox', 'touch', '/kept/made');
      expect(existsSync(join(folder, 'volumes', 'kept', 'made'))).toBe(true);
      expect(await ok('volume', 'ls', '--filter', `driver=${name}`, '--format', '{{.Name}}')).toBe('kept');
      await ok('volume', 'rm', 'kept');
      expect(asked()).toEqual(
        expect.arrayContaining(['Create', 'Mount', 'Unmount', 'Remove'].map((verb) => `${way} VolumeDriver.${verb}`)),
      );
    },
    60_000,
  );

  test.each([
    ['near', 'port'],
    ['far', 'tls'],
  ])(
    'lines for %s, over its %s',
    async (name, way) => {
      await ok('run', '--rm', '--log-driver', name, 'busybox', 'echo', `said to ${name}`);
      await until('the line', () => readFileSync(join(folder, 'log'), 'latin1').includes(`said to ${name}`));
      expect(asked()).toContain(`${way} LogDriver.StartLogging`);
    },
    60_000,
  );

  test.each([
    ['near', 'port'],
    ['far', 'tls'],
    ['wire', 'socket'],
  ])(
    'networks and addresses of %s, over its %s',
    async (name, way) => {
      await ok('network', 'create', '-d', name, '--subnet', '10.97.0.0/24', 'theirs');
      await ok('network', 'rm', 'theirs');
      await ok('network', 'create', '--ipam-driver', name, 'given');
      expect(await ok('run', '--rm', '--network', 'given', 'busybox', 'ip', '-o', '-4', 'addr', 'show', 'eth0')).toContain('10.98.0.7/24');
      await ok('network', 'rm', 'given');
      expect(asked()).toEqual(
        expect.arrayContaining(
          ['NetworkDriver.CreateNetwork', 'NetworkDriver.DeleteNetwork', 'IpamDriver.RequestPool', 'IpamDriver.ReleasePool'].map(
            (method) => `${way} ${method}`,
          ),
        ),
      );
    },
    60_000,
  );

  test('leave is asked of the one that a spec file names', async () => {
    expect(await refused('volume', 'inspect', 'forbidden')).toContain('authorization denied by plugin warden: not here');
    expect(asked()).toContain('socket AuthZPlugin.AuthZRes');
  });

  test('one that does not trust us, one of an unknown protocol and one that is not there are told', async () => {
    expect(await refused('volume', 'create', '-d', 'nobody', 'kept')).toMatch(/plugin nobody does not answer/);
    expect(await refused('volume', 'create', '-d', 'odd', 'kept')).toContain('unknown protocol: "gopher://127.0.0.1"');
    expect(await refused('volume', 'create', '-d', 'none', 'kept')).toContain('plugin "none" not found');
  }, 60_000);
});

/** An authority, and who plays server and client under it. */
function certificates(folder: string): void {
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=authority', '-days', '2');
  for (const name of ['server', 'client']) {
    writeFileSync(join(folder, `${name}.ext`), 'subjectAltName=IP:127.0.0.1\n');
    openssl('req', ...key, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
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
      '-days',
      '2',
      '-extfile',
      `${name}.ext`,
      '-out',
      `${name}.pem`,
    );
  }
}
