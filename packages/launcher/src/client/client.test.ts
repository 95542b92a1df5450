import { createServer, type Server } from 'node:http';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand } from './command';
import { commands } from './commands';
import { readPortSpecs, readPublishedSpecs } from './port-specs';

describe('port specs', () => {
  const read = (...specs: string[]) => readPortSpecs(specs);
  const one = (HostPort: string, HostIp = '') => [{ HostIp, HostPort }];

  it('are read as those of -p', () => {
    expect(read('80')).toEqual({ '80/tcp': one('') });
    expect(read('8080:80', '127.0.0.1:53:53/UDP', '[::1]:81:80', '::1:82:80', '127.0.0.1::90')).toEqual({
      '80/tcp': [...one('8080'), ...one('81', '::1'), ...one('82', '::1')],
      '53/udp': one('53', '127.0.0.1'),
      '90/tcp': one('', '127.0.0.1'),
    });
    expect(read('8000-8001:80-81')).toEqual({ '80/tcp': one('8000'), '81/tcp': one('8001') });
    expect(read('8000-8010:80')).toEqual({ '80/tcp': one('8000-8010') });
  });

  it.each([
    ['abc', 'invalid containerPort: abc'],
    ['x:80', 'invalid hostPort: x'],
    ['300.0.0.1:80:80', 'invalid IP address: 300.0.0.1'],
    ['80/icmp', 'invalid proto: icmp'],
    ['80:', 'no port specified: 80:<empty>'],
    ['70000', 'invalid containerPort: 70000'],
    ['8000-8005:80-81', 'invalid ranges specified for container and host Ports: 80-81 and 8000-8005'],
  ])('%s is refused in its words', (spec, message) => expect(() => read(spec)).toThrow(message));

  it('mean all of a port that they name alone, when it is taken back', () => {
    expect(readPublishedSpecs(['80', '8080:81', '90-91/udp'])).toEqual({ '80/tcp': [], '81/tcp': one('8080'), '90/udp': [], '91/udp': [] });
  });
});

describe('commands', () => {
  let folder: string;
  let server: Server;
  let told: { stdout: string; stderr: string };
  const asked: [url: string | undefined, body: string][] = [];
  const answers = new Map<string, [status: number, body: object]>();

  beforeAll((done) => {
    folder = mkdtempSync(join(tmpdir(), 'gantry-client-'));
    server = createServer((request, response) => {
      let body = '';
      request.on('data', (part: Buffer) => (body += part.toString()));
      request.on('end', () => {
        asked.push([request.url, body]);
        const [status, answer] = answers.get(request.url ?? '') ?? [404, { message: 'No such container: nobody' }];
        response.writeHead(status).end(JSON.stringify(answer));
      });
    }).listen(join(folder, 's.sock'), done);
  });
  afterAll(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });
  beforeEach(() => {
    told = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const)
      jest.spyOn(process[name], 'write').mockImplementation((text) => Boolean((told[name] += String(text))));
  });
  afterEach(() => jest.restoreAllMocks());

  const run = (name: string, ...args: string[]): Promise<number> => {
    const command = commands.find((each) => each.name === name);
    if (command === undefined) throw new Error(`no ${name}`);
    return runCommand(command, args, `unix://${join(folder, 's.sock')}`);
  };

  it('publish, and say where', async () => {
    answers.set('/containers/web/update', [200, { Warnings: ['beware'] }]);
    answers.set('/containers/web/json', [200, { NetworkSettings: { Ports: { '80/tcp': [{ HostIp: '::', HostPort: '8080' }] } } }]);
    expect(await run('publish', 'web', '8080:80')).toBe(0);
    expect(told).toEqual({ stdout: '80/tcp -> [::]:8080\n', stderr: 'WARNING: beware\n' });
    expect(asked.at(-2)).toEqual(['/containers/web/update', '{"Gantry":{"Publish":{"80/tcp":[{"HostIp":"","HostPort":"8080"}]}}}']);
    expect(await run('unpublish', 'web', '80')).toBe(0);
    expect(asked.at(-1)?.[1]).toBe('{"Gantry":{"Unpublish":{"80/tcp":[]}}}');
  });

  it.each([
    [['web'], 1, "gantry: 'gantry publish' requires at least 2 arguments\n\nUsage:  gantry publish [OPTIONS] CONTAINER"],
    [['--nope', 'web', '80'], 125, 'unknown flag: --nope\n\nUsage:  gantry publish'],
    [['-x', 'web', '80'], 125, "unknown shorthand flag: 'x' in -x\n"],
    [['web', '80', '-H'], 125, "flag needs an argument: 'H' in -H\n"],
    [['nobody', '80'], 1, 'Error response from daemon: No such container: nobody\n'],
    [['web', 'abc'], 1, 'invalid containerPort: abc\n'],
    [
      ['-H', 'unix:///nowhere.sock', 'web', '80'],
      1,
      'Cannot connect to the Docker daemon at unix:///nowhere.sock. Is the docker daemon running?\n',
    ],
    [['--host=foo', 'web', '80'], 1, 'unable to parse docker host `foo`\n'],
  ])('%j fails as the docker CLI does', async (args, code, text) => {
    expect(await run('publish', ...args)).toBe(code);
    expect(told.stderr).toContain(text);
    expect(told.stdout).toBe('');
  });

  it('change mounts and environment', async () => {
    answers.set('/containers/web/update', [200, { Warnings: null }]);
    const body = (): unknown => (JSON.parse(asked.at(-1)?.[1] ?? '{}') as { Gantry?: unknown }).Gantry;
    expect(await run('set-env', 'web', 'A=1', 'B=')).toBe(0);
    expect(body()).toEqual({ SetEnv: ['A=1', 'B='] });
    expect(await run('unset-env', 'web', 'A')).toBe(0);
    expect(body()).toEqual({ UnsetEnv: ['A'] });
    expect(await run('mount', 'web', '/a:/b:ro', './c:/d', 'type=tmpfs,target=/t,tmpfs-size=1m', 'source=v,dst=/v,readonly')).toBe(0);
    expect(body()).toEqual({
      Binds: ['/a:/b:ro', `${join(process.cwd(), 'c')}:/d`],
      Mounts: [
        { Type: 'tmpfs', Source: '', Target: '/t', ReadOnly: false, TmpfsOptions: { SizeBytes: 1_048_576 } },
        { Type: 'volume', Source: 'v', Target: '/v', ReadOnly: true },
      ],
    });
    expect(await run('unmount', 'web', '/b')).toBe(0);
    expect(body()).toEqual({ Unmount: ['/b'] });
    expect(await run('mount', 'web', 'type=bind,colour=red')).toBe(1);
    expect(told.stderr).toBe("unexpected key 'colour' in 'colour=red'\n");
  });

  it('send signals to execs', async () => {
    answers.set('/exec/e1/kill?signal=SIGTERM', [204, {}]);
    expect(await run('exec-kill', '-s', 'SIGTERM', 'e1')).toBe(0);
    expect(told.stdout).toBe('e1\n');
  });

  it('tell how they are called', async () => {
    expect(await run('unpublish', '--help')).toBe(0);
    expect(told.stdout).toMatch(/^Usage: {2}gantry unpublish \[OPTIONS\] CONTAINER/);
    expect(told.stdout).toContain('-H, --host string');
  });
});
