import { existsSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { command, loadBusybox, startEngine, type CommandResult, type Engine } from './harness';

let engine: Engine;
const names = ['watch', 'ci', 'lists', 'nobody'] as const;
type Name = (typeof names)[number];
const socketOf = (name: Name): string => join('/tmp', `gantry-scope-${process.pid}-${name}.sock`);

beforeAll(async () => {
  const sockets = names.map((name) => `  ${name}: { host: "unix://${socketOf(name)}" }`);
  engine = await startEngine('gantry', {
    separate: true,
    config: {
      gateway: `sockets:\n${sockets.join('\n')}\n  tcp: { host: "tcp://127.0.0.1:2399" }\n`,
      supervisor: [
        'socket-scopes:',
        '  watch: { read-only: true }',
        '  tcp: { read-only: true }',
        '  ci: { labels: [team=ci] }',
        '  lists: { verbs: [containers.list, system.getVersion] }\n',
      ].join('\n'),
    },
  });
  await loadBusybox(engine);
  for (const [name, team] of Object.entries({ mine: 'ci', other: 'web' }))
    expect(await engine.docker(['run', '-d', '--name', name, '--label', `team=${team}`, 'busybox', 'sleep', '600'])).toMatchObject({
      code: 0,
    });
}, 120_000);
afterAll(() => engine.destroy(), 120_000);

const over = (name: Name, ...args: string[]): Promise<CommandResult> =>
  command('docker', ['-H', `unix://${socketOf(name)}`, ...args], { timeout: 60_000 });

/** A raw call; answers status and body. */
function call(name: Name, method: string, path: string, body?: Buffer | string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) };
    const outgoing = request({ socketPath: socketOf(name), method, path, headers }, (answer) => {
      let text = '';
      answer.on('data', (chunk: Buffer) => (text += chunk.toString()));
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }));
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

test('a read-only socket tells everything and changes nothing', async () => {
  expect((await over('watch', 'ps', '--format', '{{.Names}}')).stdout.trim().split('\n').sort()).toEqual(['mine', 'other']);
  expect(await over('watch', 'logs', 'other')).toMatchObject({ code: 0 });
  for (const [args, verb] of [
    [['kill', 'mine'], 'containers.kill'],
    [['rm', '-f', 'mine'], 'containers.remove'],
    [['exec', 'mine', 'true'], 'containers.execCreate'],
    [['run', '--rm', 'busybox', 'true'], 'containers.create'],
    [['volume', 'create', 'v'], 'volumes.createVolume'],
    [['network', 'create', 'n'], 'networks.createNetwork'],
    [['rmi', 'busybox'], 'images.removeImage'],
  ] as const) {
    const { code, stderr } = await over('watch', ...args);
    expect([code === 0, stderr]).toEqual([false, expect.stringContaining(`socket watch: ${verb} is refused: the socket is read-only`)]);
  }
  expect((await over('watch', 'attach', 'mine')).stderr).toMatch(/403|Unrecognized input header/); // the CLI's own words; older ones take the answer for output
  for (const [method, path] of [
    ['POST', '/build?t=x'],
    ['POST', '/build/prune'],
    ['POST', '/containers/mine/stop'],
    ['PUT', '/containers/mine/archive?path=/'],
  ] as const)
    expect([path, (await call('watch', method, path)).status]).toEqual([path, 403]);
  expect((await engine.docker(['ps', '-q'])).stdout.trim().split('\n')).toHaveLength(2);
}, 120_000);

test('a socket with labels reaches its own containers only, and makes none that reaches further', async () => {
  expect((await over('ci', 'ps', '-a', '--format', '{{.Names}}')).stdout).toBe('mine\n');
  expect((await over('ci', 'exec', 'mine', 'echo', 'here')).stdout).toBe('here\n');
  for (const args of [
    ['inspect', '--type', 'container', 'other'],
    ['exec', 'other', 'true'],
    ['rm', '-f', 'other'],
    ['cp', 'other:/etc/passwd', '-'],
    ['logs', 'other'],
  ])
    expect((await over('ci', ...args)).stderr).toContain('container other does not have team=ci');
  const run = (...args: string[]) => over('ci', 'run', '--rm', ...args, 'busybox', 'echo', 'ran');
  expect(await run('--label', 'team=ci', '--memory', '64m', '-p', '127.0.0.1::80')).toMatchObject({ code: 0, stdout: 'ran\n' });
  for (const [args, why] of [
    [[], 'must have the label team=ci'],
    [['--label', 'team=ci', '--privileged'], 'HostConfig.Privileged'],
    [['--label', 'team=ci', '-v', '/:/host'], 'HostConfig.Binds'],
    [['--label', 'team=ci', '--pid', 'host'], 'HostConfig.PidMode'],
    [['--label', 'team=ci', '--network', 'host'], 'NetworkMode "host"'],
    [['--label', 'team=ci', '--network', 'container:other'], 'container other does not have'],
  ] as const)
    expect((await run(...args)).stderr).toContain(why);
  const events = await over(
    'ci',
    'events',
    '--since',
    '1',
    '--until',
    `${Date.now() / 1000}`,
    '--format',
    '{{index .Actor.Attributes "team"}}',
  );
  expect(new Set(events.stdout.trim().split('\n'))).toEqual(new Set(['ci']));
}, 120_000);

test('a socket with verbs does those; one without a scope does nothing; the usual one everything', async () => {
  expect((await over('lists', 'ps', '-q')).stdout.trim().split('\n')).toHaveLength(2);
  expect((await over('lists', 'images')).stderr).toContain(
    'socket lists: images.listImages is refused: it is not among the verbs of the socket',
  );
  expect((await over('nobody', 'ps')).stderr).toContain('socket nobody: containers.list is refused: the socket has no scope');
  expect(await engine.docker(['exec', 'other', 'true'])).toMatchObject({ code: 0 });
}, 60_000);

test('decisions outlive a kill -9 of the supervisor, and are written down there', async () => {
  for (const pid of engine.pids('gantry-supervisor')) process.kill(pid, 'SIGKILL');
  expect((await over('watch', 'kill', 'mine')).stderr).toContain('the socket is read-only');
  const audit = readFileSync(engine.log, 'utf8')
    .split('\n')
    .flatMap((line) => {
      try {
        return [JSON.parse(line) as { audit?: string; socket?: string; verb?: string; subject?: string; msg?: string }];
      } catch {
        return [];
      }
    })
    .filter(({ audit: kind }) => kind === 'api');
  expect(audit).toEqual(
    expect.arrayContaining([
      expect.objectContaining({
        socket: 'watch',
        verb: 'containers.kill',
        subject: 'mine',
        msg: expect.stringContaining('refused') as string,
      }),
      expect.objectContaining({ socket: 'ci', verb: 'containers.list', msg: 'allowed' }),
    ]),
  );
}, 60_000);

test('attack 47: an empty, a doubled and an oversized body pass by no decision', async () => {
  const create = (body: string | Buffer) => call('ci', 'POST', '/containers/create?name=slipped', body);
  expect((await call('ci', 'POST', '/containers/create?name=slipped')).status).toBe(400);
  expect((await create('{"Image":"busybox","Labels":{"team":"ci"},"Labels":{"team":"web"}}')).status).toBe(403);
  expect((await create('{"Image":"busybox","Labels":{"team":"ci"},"HostConfig":{"privileged":true}}')).status).toBe(403); // in any case, as Go reads it
  expect(
    (await create(`{"Image":"busybox","Labels":{"team":"ci"},"Cmd":["${'x'.repeat(9 * 1024 * 1024)}"],"HostConfig":{"Privileged":true}}`))
      .status,
  ).toBe(413);
  expect((await engine.docker(['ps', '-aq', '--filter', 'name=slipped'])).stdout).toBe('');
}, 60_000);

test('attack 48: a scope on TCP is on loopback, for names and callers that are nobody else', async () => {
  const get = async (...headers: string[]): Promise<string> => {
    const all = headers.flatMap((header) => ['-H', header]);
    const { stdout } = await engine.onHost('curl', [
      '-s',
      '-o',
      '/dev/null',
      '-w',
      '%{http_code}',
      ...all,
      'http://127.0.0.1:2399/containers/json',
    ]);
    return stdout;
  };
  expect([await get(), await get('Host: rebound.example'), await get('Origin: http://page.example')]).toEqual(['200', '403', '403']);
  const { stdout } = await engine.onHost('curl', [
    '-s',
    '-o',
    '/dev/null',
    '-w',
    '%{http_code}',
    '-X',
    'POST',
    'http://127.0.0.1:2399/containers/mine/kill',
  ]);
  expect(stdout).toBe('403');
}, 60_000);

test('its sockets go with the engine', async () => {
  expect(names.every((name) => existsSync(socketOf(name)))).toBe(true);
  await engine.halt();
  expect(names.filter((name) => existsSync(socketOf(name)))).toEqual([]);
  await engine.start();
}, 60_000);
