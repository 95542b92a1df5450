import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Engine, loadBusybox, startEngine, until } from './harness';

/** A plugin on a socket, as users write them: it keeps what it was told, and denies what the test says. */
describe('authorization plugins', () => {
  let folder: string;
  let engine: Engine;
  let plugin: Server;
  const told: { method: string; uri: string; status: number }[] = [];
  let denies: (phase: 'AuthZReq' | 'AuthZRes', uri: string) => string | undefined = () => undefined;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'gantry-authz-'));
    const socket = join(folder, 'warden.sock');
    plugin = createServer((request, response) => {
      let text = '';
      request.on('data', (part: Buffer) => (text += part.toString()));
      request.on('end', () => {
        if (request.url === '/Plugin.Activate') return void response.end('{"Implements":["authz"]}');
        const asked = JSON.parse(text) as { RequestMethod: string; RequestUri: string; ResponseStatusCode?: number };
        const phase = (request.url ?? '').slice('/AuthZPlugin.'.length) as 'AuthZReq' | 'AuthZRes';
        told.push({ method: `${phase} ${asked.RequestMethod}`, uri: asked.RequestUri, status: asked.ResponseStatusCode ?? 0 });
        const message = denies(phase, asked.RequestUri);
        return void response.end(JSON.stringify(message === undefined ? { Allow: true } : { Allow: false, Msg: message }));
      });
    });
    await new Promise<void>((resolve) => plugin.listen(socket, resolve));
    engine = await startEngine('gantry', {
      separate: true,
      config: { gateway: JSON.stringify({ 'authorization-plugins': ['warden'], plugins: { sockets: folder, specs: [] } }) },
    });
    await loadBusybox(engine);
  }, 120_000);
  afterAll(async () => {
    denies = () => undefined;
    await engine.destroy();
    plugin.closeAllConnections();
    await new Promise((resolve) => plugin.close(resolve));
    rmSync(folder, { recursive: true });
  }, 120_000);
  afterEach(() => {
    denies = () => undefined;
    told.length = 0;
  });
  const ok = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await engine.docker(args);
    if (code !== 0) throw new Error(`docker ${args.join(' ')}: ${code}\n${stderr}`);
    return stdout.trim();
  };
  const uris = (method: string): string[] => told.filter((one) => one.method === method).map(({ uri }) => uri.replace(/^\/v[\d.]+/, ''));

  test('allow what the docker CLI does, and are told of it', async () => {
    expect(await ok('info', '-f', '{{json .Plugins.Authorization}}')).toBe('["warden"]');
    expect((await ok('info')).replace(/\s+/g, ' ')).toContain('Authorization: warden');
    const events = engine.dockerSpawn(['events', '--filter', 'container=box']);
    let seen = '';
    events.stdout?.on('data', (chunk: Buffer) => (seen += chunk.toString()));
    await until('the events', () => uris('AuthZReq GET').some((uri) => uri.startsWith('/events')));
    expect((await engine.docker(['run', '-i', '--name', 'box', 'busybox', 'cat'], { input: 'in and out' })).stdout).toBe('in and out');
    await until('events in time', () => seen.includes('die'));
    events.kill();
    expect(await ok('logs', 'box')).toBe('in and out');
    await ok('start', 'box');
    await ok('cp', 'box:/etc/passwd', join(folder, 'passwd'));
    await ok('rm', '-f', 'box');
    for (const [method, uri] of [
      ['POST', '/containers/create?name=box'],
      ['POST', /^\/containers\/[0-9a-f]{64}\/attach\?/],
      ['GET', '/containers/box/archive?path=%2Fetc%2Fpasswd'],
      ['DELETE', '/containers/box?force=1'],
    ] as const)
      for (const phase of ['AuthZReq', 'AuthZRes'])
        expect(uris(`${phase} ${method}`)).toContainEqual(typeof uri === 'string' ? uri : expect.stringMatching(uri));
    expect(told.find(({ method, uri }) => method === 'AuthZRes POST' && uri.includes('/create'))?.status).toBe(201);
  }, 60_000);

  test('a build goes through them', async () => {
    const context = join(folder, 'context');
    mkdirSync(context);
    writeFileSync(join(context, 'Dockerfile'), 'FROM busybox\nRUN echo built > /out\n');
    await ok('build', '-q', '-t', 'made', context);
    expect(await ok('run', '--rm', 'made', 'cat', '/out')).toBe('built');
    await ok('rmi', 'made');
  }, 120_000);

  test('deny requests and answers in their own words, also when every other service has died', async () => {
    denies = (phase, uri) => (phase === 'AuthZReq' && uri.includes('/containers/create') ? 'no containers' : undefined);
    const denied = 'Error response from daemon: authorization denied by plugin warden: no containers';
    expect((await engine.docker(['create', 'busybox'])).stderr).toContain(denied);
    expect(uris('AuthZRes POST')).toEqual([]);
    for (const pid of engine.pids('gantry-supervisor')) process.kill(pid, 'SIGKILL');
    expect((await engine.docker(['create', 'busybox'])).stderr).toContain(denied);
    for (const pid of engine.pids('gantry-gateway')) process.kill(pid, 'SIGKILL');
    await until('the gateway', async () => (await engine.docker(['version'])).code === 0);
    expect((await engine.docker(['create', 'busybox'])).stderr).toContain(denied);
    expect(await ok('ps', '-aq')).toBe('');
    denies = (phase, uri) => (phase === 'AuthZRes' && uri.includes('/images/json') ? 'no images' : undefined);
    expect(await engine.docker(['images'])).toEqual({
      code: 1,
      stdout: '',
      stderr: 'Error response from daemon: authorization denied by plugin warden: no images\n',
    });
  }, 60_000);
});
