import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@gantry/rpc';
import { StreamingServer } from './index';
import { type Asked, startApiServer } from './testing/api-server';
import { fakeRuntime } from './testing/runtime';

const words = spawnSync('kubectl', ['version', '--client'], { encoding: 'utf8' }).stdout ?? '';
const minor = Number(/v1\.(\d+)/.exec(words)?.[1] ?? 0);
const LEAST = 31;
if (minor < LEAST)
  process.stderr.write(`skipped: no kubectl of 1.${LEAST} or newer is there; streaming is tested with our own clients only\n`);
const withKubectl = minor < LEAST ? describe.skip : describe;

const transports = [
  ['WebSocket', 'true'],
  ['SPDY', 'false'],
] as const;

/** The addresses of a server, as a kubelet asks for them. */
const addressOn =
  (server: StreamingServer) =>
  ({ verb, pod, command, flags }: Asked): string => {
    if (verb === 'exec') return server.exec({ containerId: pod, command, ...flags });
    return verb === 'attach' ? server.attach({ containerId: pod, ...flags }) : server.portForward({ podSandboxId: pod, ports: [] });
  };

withKubectl.each(transports)('kubectl over %s', (_name, webSockets) => {
  let home: string;
  let server: StreamingServer;
  let api: Awaited<ReturnType<typeof startApiServer>>;

  beforeAll(async () => {
    home = mkdtempSync(join(tmpdir(), 'gantry-kubectl-'));
    server = new StreamingServer({ runtime: fakeRuntime().runtime, logger: silentLogger });
    await server.listen();
    api = await startApiServer({ addressOf: addressOn(server) });
  });
  afterAll(async () => {
    await api?.close();
    await server?.close();
    rmSync(home, { recursive: true, force: true });
  });

  const start = (...args: string[]) => startProgram('kubectl', '--server', api.url, ...args);
  const startProgram = (program: string, ...args: string[]) =>
    spawn(program, args, {
      env: {
        PATH: process.env['PATH'],
        HOME: home,
        KUBECTL_REMOTE_COMMAND_WEBSOCKETS: webSockets,
        KUBECTL_PORT_FORWARD_WEBSOCKETS: webSockets,
      },
    });
  const run = (args: readonly string[], input = '') =>
    new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
      const child = start(...args);
      let [stdout, stderr] = ['', ''];
      child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
      child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
      child.stdin.on('error', () => undefined); // it may end before it has read all
      child.stdin.end(input);
      child.once('close', (code) => resolve({ code, stdout, stderr }));
    });

  it('runs a command and has both its outputs', async () => {
    expect(await run(['exec', 'web', '--', 'echo', 'hello'])).toEqual({ code: 0, stdout: 'hello', stderr: 'aside' });
  });

  it('ends with the exit code', async () => {
    const { code, stderr } = await run(['exec', 'web', '--', 'exit', '7']);
    expect([code, stderr.trim()]).toEqual([7, 'command terminated with exit code 7']);
  });

  it('is told why a command could not be run', async () => {
    const { code, stderr } = await run(['exec', 'web', '--', 'fail', 'no', 'such', 'file']);
    expect(code).toBe(1);
    expect(stderr).toContain('Internal error occurred: error executing command in container: no such file');
  });

  it('gives input to its end, and loses none of eight megabytes', async () => {
    const { code, stdout } = await run(['exec', '-i', 'web', '--', 'cat'], 'x'.repeat(8 << 20));
    expect([code, stdout.length]).toEqual([0, 8 << 20]);
  });

  it('ends with a command that leaves its input', async () => {
    const { code, stdout } = await run(['exec', '-i', 'web', '--', 'echo', 'enough'], 'x'.repeat(8 << 20));
    expect([code, stdout]).toEqual([0, 'enough']);
  });

  it('tells the size of its terminal', async () => {
    const line = `stty cols 91 rows 33; kubectl --server ${api.url} exec -it web -- sizes 1`;
    const child = startProgram('script', '--quiet', '--command', line, '/dev/null');
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (more: string) => (text += more));
    await new Promise((resolve) => child.once('close', resolve));
    expect(text).toContain('91x33;');
  });

  it('is attached', async () => {
    const { stdout } = await run(['attach', '-i', 'web'], 'hello');
    expect(stdout).toContain('attached to web;hello');
  });

  it('forwards ports, connection by connection', async () => {
    const child = start('port-forward', 'web', ':80');
    try {
      const port = await new Promise<number>((resolve, reject) => {
        let text = '';
        child.stdout.setEncoding('utf8').on('data', (more: string) => {
          text += more;
          const [, found] = /127\.0\.0\.1:(\d+) -> 80\n/.exec(text) ?? [];
          if (found !== undefined) resolve(Number(found));
        });
        child.stderr.setEncoding('utf8').on('data', (more: string) => (text += more));
        child.once('close', () => reject(new Error(text)));
      });
      const ask = (words: string) =>
        new Promise<string>((resolve, reject) => {
          const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }, () => socket.end(words));
          let text = '';
          socket.setEncoding('utf8').on('data', (more: string) => (text += more));
          socket.once('error', reject).once('end', () => resolve(text));
        });
      expect(await Promise.all(['one', 'two', 'three'].map(ask))).toEqual(['80:ONEbye', '80:TWObye', '80:THREEbye']);
    } finally {
      const ended = new Promise((resolve) => child.once('close', resolve));
      child.kill('SIGKILL');
      await ended;
    }
  });
});
