import { execFile, execFileSync } from 'node:child_process';
import Docker from 'dockerode';
import { type FakeContainers, fakeContainers } from './testing/fake-container';
import type { FakeIo } from './testing/fake-monitor';
import { type GatewayFixture, startGateway } from './testing/gateway';

const cli = (() => {
  try {
    return execFileSync('docker', ['--version']).toString().trim();
  } catch {
    return undefined;
  }
})();
if (cli === undefined) process.stdout.write('skip: the docker CLI is missing\n');
else process.stdout.write(`${cli}\n`);
const withCli = cli === undefined ? test.skip : test;

let gateway: GatewayFixture;
let fake: FakeContainers;

async function start(run: (io: FakeIo) => Promise<number> | number, tty = false): Promise<void> {
  gateway = await startGateway((broker, folder) => (fake = fakeContainers(broker, folder, run, tty)));
}
afterEach(async () => {
  for (const monitor of fake.monitors) monitor.close();
  await gateway.close();
});

function docker(args: string[], input?: string): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const child = execFile(
      'docker',
      ['--config', `${gateway.folder}/cli`, '-H', `unix://${gateway.socket}`, ...args],
      { timeout: 60_000 },
      (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
      },
    );
    child.stdin?.end(input ?? '');
  });
}

withCli('version, info and ps', async () => {
  await start(() => 0);
  expect(JSON.parse((await docker(['version', '--format', '{{json .Server}}'])).stdout)).toMatchObject({
    Version: '0.1.0',
    MinAPIVersion: '1.24',
  });
  expect((await docker(['info'])).stdout).toMatch(/Swarm: inactive/);
  const ps = await docker(['ps']);
  expect(ps.stdout).toMatch(/box/);
  expect(ps.stdout).toMatch(/0\.0\.0\.0:8080->80\/tcp/);
});

withCli('run shows both streams and the exit code', async () => {
  await start((io) => {
    io.stdout('out\n');
    io.stderr('err\n');
    return 7;
  });
  const result = await docker([
    'run',
    '--rm',
    '--name',
    'n',
    '-e',
    'A=b',
    '-v',
    '/src:/dst:ro',
    '-p',
    '8080:80',
    '-m',
    '64m',
    '--cpus',
    '1.5',
    '--label',
    'l=v',
    '--ulimit',
    'nofile=10:20',
    '--tmpfs',
    '/t',
    '--mount',
    'type=tmpfs,target=/m',
    'busybox',
    'sh',
    '-c',
    'x',
  ]);
  expect(result).toEqual({ code: 7, stdout: 'out\n', stderr: 'err\n' });
  expect(fake.created[0]).toMatchObject({
    name: 'n',
    config: { Image: 'busybox', Cmd: { items: ['sh', '-c', 'x'] }, Env: ['A=b'], Labels: { l: 'v' }, ExposedPorts: { '80/tcp': {} } },
    hostConfig: {
      AutoRemove: true,
      Binds: ['/src:/dst:ro'],
      Memory: 67108864n,
      NanoCpus: 1500000000n,
      PortBindings: { '80/tcp': { items: [{ HostIp: '', HostPort: '8080' }] } },
      Ulimits: [{ Name: 'nofile', Soft: 10n, Hard: 20n }],
      Tmpfs: { '/t': '' },
      Mounts: [{ Type: 'tmpfs', Target: '/m' }],
    },
  });
});

withCli('run -i pipes stdin, empty stdin too', async () => {
  await start(async (io) => {
    io.stdout(`<${await io.stdin}>`);
    return 0;
  });
  expect(await docker(['run', '-i', 'busybox', 'cat'], 'hello')).toMatchObject({ code: 0, stdout: '<hello>' });
});

withCli('run -i with an empty stdin ends', async () => {
  await start(async (io) => {
    io.stdout(`<${await io.stdin}>`);
    return 0;
  });
  expect(await docker(['run', '-i', 'busybox', 'cat'], '')).toMatchObject({ code: 0, stdout: '<>' });
});

withCli('exec gives output and exit code', async () => {
  await start(async (io) => {
    io.stdout(`<${await io.stdin}>`);
    io.stderr('e');
    return 9;
  });
  expect(await docker(['exec', '-i', 'box', 'sh'], 'in')).toEqual({ code: 9, stdout: '<in>', stderr: 'e' });
});

withCli('logs, events and errors', async () => {
  await start(() => 0);
  expect((await docker(['logs', 'box'])).stdout).toBe('logged\n');
  expect((await docker(['events', '--until', '1700000001'])).stdout).toMatch(/container start c0ffee/);
  const taken = await docker(['create', '--name', 'taken', 'busybox']);
  expect(taken.code).toBe(1);
  expect(taken.stderr).toMatch(/Conflict\. The container name "\/taken" is already in use/);
  expect((await docker(['swarm', 'init'])).stderr).toMatch(/SwarmInit is not implemented by gantry/);
  expect((await docker(['inspect', 'nobody'])).code).toBe(1);
});

test('dockerode creates, attaches, waits, execs and reads logs', async () => {
  await start(async (io) => {
    io.stdout(`<${await io.stdin}>`);
    return 4;
  });
  const client = new Docker({ socketPath: gateway.socket });
  const container = await client.createContainer({
    Image: 'busybox',
    name: 'viaode',
    Cmd: ['cat'],
    OpenStdin: true,
    platform: 'linux/amd64',
  });
  expect(fake.created[0]?.name).toBe('viaode');
  const stream = await container.attach({ stream: true, stdin: true, stdout: true, stderr: true, hijack: true });
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  const ended = new Promise((resolve) => stream.on('end', resolve));
  const waited = container.wait();
  await container.start();
  stream.end('ode');
  await ended;
  expect(Buffer.concat(chunks).subarray(8).toString()).toBe('<ode>');
  expect(await waited).toEqual({ StatusCode: 4 });
  expect((await container.logs({ stdout: true })).subarray(8).toString()).toBe('logged\n');
  expect((await container.inspect()).State.ExitCode).toBe(7);

  const exec = await client.getContainer('box').exec({ Cmd: ['cat'], AttachStdin: true, AttachStdout: true });
  const execStream = await exec.start({ hijack: true, stdin: true });
  const output: Buffer[] = [];
  execStream.on('data', (chunk: Buffer) => output.push(chunk));
  execStream.end('x');
  await new Promise((resolve) => execStream.on('end', resolve));
  expect(Buffer.concat(output).subarray(8).toString()).toBe('<x>');
});
