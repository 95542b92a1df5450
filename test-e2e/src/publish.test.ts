import { join } from 'node:path';

import {
  bundles,
  command,
  type CommandResult,
  type Engine,
  getFromHost,
  loadBusybox,
  pinnedNode,
  startEngine,
  until,
  succeeding,
} from './harness';

/** What docker has no command for; its own clients see the outcome. */
describe('ports published on a container that exists', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await startEngine('gantry', { separate: true });
    await loadBusybox(engine);
  }, 120_000);
  afterAll(() => engine.destroy(), 120_000);

  const gantry = (...args: string[]): Promise<CommandResult> =>
    command(pinnedNode, [join(bundles, 'gantry.cjs'), ...args, '-H', `unix://${engine.socket}`]);
  const ok = succeeding((args) => engine.docker(args));
  const answers = (port: number) => async (): Promise<boolean> => (await getFromHost(engine, '127.0.0.1', port)) === 'hello from gantry\n';
  const serve = ['busybox', 'httpd', '-f', '-h', '/var/www'];

  test('are shown by ps, port, inspect and events, and taken back', async () => {
    await ok('run', '-d', '--name', 'web', '-p', '8080:80', ...serve);
    const since = await ok('inspect', '-f', '{{.State.StartedAt}}', 'web');
    expect(await gantry('publish', 'web', '127.0.0.1:8081:80', '9000-9001:90-91/udp')).toEqual({
      code: 0,
      stdout: expect.stringMatching(
        /^80\/tcp -> 0\.0\.0\.0:8080\n[^]*80\/tcp -> 127\.0\.0\.1:8081\n[^]*91\/udp -> 0\.0\.0\.0:9001\n/,
      ) as string,
      stderr: '',
    });
    await until('the server', answers(8081));
    expect(await ok('port', 'web', '80')).toContain('127.0.0.1:8081');
    expect(await ok('ps', '--format', '{{.Ports}}')).toContain('127.0.0.1:8081->80/tcp');
    const bindings = JSON.parse(await ok('inspect', '-f', '{{json .HostConfig.PortBindings}}', 'web')) as Record<string, unknown>;
    expect(bindings['80/tcp']).toEqual([
      { HostIp: '', HostPort: '8080' },
      { HostIp: '127.0.0.1', HostPort: '8081' },
    ]);
    expect((await gantry('unpublish', 'web', '8080:80', '90-91/udp')).code).toBe(0);
    expect(await answers(8080)()).toBe(false);
    expect(await answers(8081)()).toBe(true);
    const events = await ok(
      'events',
      '--since',
      since,
      '--until',
      new Date().toISOString(),
      '--filter',
      'container=web',
      '--format',
      '{{.Action}} {{index .Actor.Attributes "ports"}}',
    );
    expect(events.split('\n').filter((line) => /publish/.test(line))).toEqual([
      expect.stringContaining('publish 127.0.0.1:8081->80/tcp') as string,
      expect.stringContaining('unpublish 0.0.0.0:8080->80/tcp') as string,
    ]);
  });

  test('stay over a restart of the container, and of every service', async () => {
    await ok('restart', '-t', '0', 'web');
    await until('the server', answers(8081));
    expect(await answers(8080)()).toBe(false);
    for (const service of ['gantry-network', 'gantry-supervisor', 'gantryd'])
      for (const pid of engine.pids(service)) process.kill(pid, 'SIGKILL');
    expect(await ok('port', 'web', '80')).toBe('127.0.0.1:8081');
    await until('the server', answers(8081));
  });

  test('are one or the other when the network service or the supervisor dies in the middle', async () => {
    for (let turn = 0; turn < 10; turn++) {
      const service = turn % 2 === 0 ? 'gantry-network' : 'gantry-supervisor';
      const asked = gantry('publish', 'web', `${8100 + turn}:80`);
      await new Promise((resolve) => setTimeout(resolve, 150 + turn * 12)); // the command starts a Node first
      for (const pid of engine.pids(service)) process.kill(pid, 'SIGKILL');
      await asked;
      const shown = await ok('inspect', '-f', '{{json .HostConfig.PortBindings}} {{json .NetworkSettings.Ports}}', 'web');
      const [wished = false, published = false] = shown.split(' ').map((part) => part.includes(String(8100 + turn)));
      expect(published).toBe(wished);
      await until(`what ${8100 + turn} says`, async () => (await answers(8100 + turn)()) === wished);
    }
  });

  test('are refused in the words of dockerd', async () => {
    await ok('run', '-d', '--name', 'other', '-p', '8200:80', ...serve);
    const taken = await gantry('publish', 'web', '8200:80');
    expect(taken).toMatchObject({ code: 1, stdout: '' });
    expect(taken.stderr).toMatch(
      /^Error response from daemon: driver failed programming external connectivity on endpoint web \([0-9a-f]{64}\): Bind for 0\.0\.0\.0:8200 failed: port is already allocated\n$/,
    );
    expect((await gantry('unpublish', 'web', '70')).stderr).toBe("Error response from daemon: No public port '70/tcp' published for web\n");
    expect((await gantry('publish', 'nobody', '70')).stderr).toBe('Error response from daemon: No such container: nobody\n');
  });

  test('of a stopped container are there when it starts', async () => {
    await ok('create', '--name', 'later', ...serve);
    expect(await gantry('publish', 'later', '8300:80')).toMatchObject({ code: 0, stdout: '' });
    await ok('start', 'later');
    await until('the server', answers(8300));
  });
});
