import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ContainerState, NamespaceMode } from '@gantry/api/runtime/v1/api';
import { startApiServer } from '@gantry/streaming/testing';
import { type Engine, type Registry, startEngine, startRegistry, until } from './harness';
import { connectCri, containerNamed, type CriClient, criContext as ctx, imageNamed, podNamed, pushBox } from './harness/cri';
import { type ChannelClient, openChannels, type Way, wayTo } from './harness/streams';

const PORT = 10010;
const V5 = 'v5.channel.k8s.io';
const V4 = 'v4.channel.k8s.io';

describe('exec, attach and port-forward as kubelet asks for them', () => {
  let engine: Engine;
  let registry: Registry | undefined;
  let cri: CriClient;
  let way: Way;
  let image: string;
  let pod: string;
  /** Runs until it is removed. */
  let container: string;
  const clients: ChannelClient[] = [];
  const started = async (podSandboxId: string, name: string, script: string, change = {}) => {
    const config = containerNamed(name, image, { command: ['sh', '-c', script], ...change });
    const { containerId } = await cri.runtime.createContainer(ctx, { podSandboxId, config, sandboxConfig: podNamed('x') });
    await cri.runtime.startContainer(ctx, { containerId });
    return containerId;
  };
  /** Resolves when somebody listens on a port of the network that a container is in. */
  const listening = (containerId: string, port: number) =>
    until(`a listener on ${port}`, async () => {
      const cmd = ['cat', '/proc/net/tcp', '/proc/net/tcp6'];
      const { stdout } = await cri.runtime.execSync(ctx, { containerId, cmd, timeout: 0n });
      return new RegExp(`:${port.toString(16).toUpperCase().padStart(4, '0')} 0+:0000 0A`).test(stdout.toString());
    });
  const status = async (containerId: string) => (await cri.runtime.containerStatus(ctx, { containerId, verbose: false })).status;
  beforeAll(async () => {
    engine = await startEngine('gantry', {
      config: { network: 'cni:\n  conf-directory: /nonexistent\n', cri: `stream-server-port: ${PORT}\n` },
    });
    way = await wayTo(engine, PORT);
    registry = await startRegistry(engine);
    image = await pushBox(engine, registry);
    cri = connectCri(`${engine.run}/cri.sock`);
    await cri.images.pullImage(ctx, { image: imageNamed(image), auth: undefined, sandboxConfig: undefined });
    pod = (await cri.runtime.runPodSandbox(ctx, { config: podNamed('streams'), runtimeHandler: '' })).podSandboxId;
    container = await started(pod, 'main', 'sleep 10000');
  }, 120_000);
  afterEach(() => {
    for (const client of clients.splice(0)) client.leave();
  });
  afterAll(async () => {
    if (pod !== undefined) await cri.runtime.removePodSandbox(ctx, { podSandboxId: pod });
    cri?.close();
    await way?.close();
    await registry?.stop();
    await engine.destroy();
  }, 180_000);

  const open = async (url: string, protocol = V5) => {
    const client = await openChannels(way, url, protocol);
    clients.push(client);
    return client;
  };
  const none = { tty: false, stdin: false, stdout: false, stderr: false };
  const exec = async (script: string, change: Partial<typeof none> = {}, protocol = V5) => {
    const wish = { containerId: container, cmd: ['sh', '-c', script], ...none, stdout: true, ...change };
    return open((await cri.runtime.exec(ctx, wish)).url, protocol);
  };
  const attach = async (containerId: string, change: Partial<typeof none> = {}) =>
    open((await cri.runtime.attach(ctx, { containerId, ...none, stdout: true, ...change })).url);
  const outcome = (client: ChannelClient) => JSON.parse(client.said(3).toString()) as object;

  test('an address works once, and streams must go together', async () => {
    const wish = { containerId: container, cmd: ['true'], ...none, stdout: true };
    const { url } = await cri.runtime.exec(ctx, wish);
    expect(url).toMatch(new RegExp(`^http://127\\.0\\.0\\.1:${PORT}/exec/[A-Za-z0-9_-]+$`));
    await (
      await open(url)
    ).closed;
    await expect(open(url)).rejects.toThrow('404');
    await expect(cri.runtime.exec(ctx, { ...wish, stdout: false })).rejects.toMatchObject({ kind: 'invalidArgument' });
    await expect(cri.runtime.exec(ctx, { ...wish, tty: true, stderr: true })).rejects.toMatchObject({ kind: 'invalidArgument' });
    await expect(cri.runtime.exec(ctx, { ...wish, containerId: 'x' })).rejects.toMatchObject({ kind: 'notFound' });
    await expect(cri.runtime.exec(ctx, { ...wish, cmd: [] })).rejects.toThrow('args must not be empty');
    await expect(cri.runtime.attach(ctx, { containerId: 'x', ...none, stdout: true })).rejects.toMatchObject({ kind: 'notFound' });
    await expect(cri.runtime.portForward(ctx, { podSandboxId: 'x', port: [] })).rejects.toMatchObject({ kind: 'notFound' });
  });

  test.each([V5, V4])('a command has its outputs and its exit code in %s (v5: 403 of containerd)', async (protocol) => {
    const client = await exec('echo out; echo err >&2; exit 7', { stderr: true }, protocol);
    expect(client.protocol).toBe(protocol);
    expect(await client.closed).toBe(1000);
    expect([client.said(1).toString(), client.said(2).toString()]).toEqual(['out\n', 'err\n']);
    expect(outcome(client)).toMatchObject({ reason: 'NonZeroExitCode', details: { causes: [{ reason: 'ExitCode', message: '7' }] } });
  });

  test('what cannot be run says why', async () => {
    const { url } = await cri.runtime.exec(ctx, { containerId: container, cmd: ['/nosuch'], ...none, stdout: true });
    const client = await open(url);
    await client.closed;
    expect(outcome(client)).toMatchObject({ reason: 'InternalError', message: expect.stringContaining('/nosuch') as string });
  });

  test('input is given to its end, and none of eight megabytes is lost', async () => {
    const client = await exec('cat; echo done >&2', { stdin: true, stderr: true });
    const piece = Buffer.alloc(1 << 20, 'x');
    for (let at = 0; at < 8; at++) client.send(0, piece);
    client.half(0);
    await client.closed;
    expect([client.said(1).length, client.said(2).toString(), outcome(client)]).toEqual([
      8 << 20,
      'done\n',
      { metadata: {}, status: 'Success' },
    ]);
  });

  test('a terminal has its size as it changes, and one output', async () => {
    const client = await exec(
      'trap "stty size" WINCH; tty; until read line && test -n "$line"; do :; done; echo "got $line" >&2; stty size',
      { tty: true, stdin: true },
    );
    await client.until(1, '/dev/pts/');
    client.send(4, JSON.stringify({ Width: 91, Height: 33 }));
    await client.until(1, '33 91');
    client.send(4, JSON.stringify({ Width: 92, Height: 34 }));
    await client.until(1, '34 92');
    client.send(0, 'word\n');
    await client.closed;
    expect(client.said(1).toString()).toContain('got word\r\n');
  });

  test('a command goes on when its client goes, and leaves nothing behind', async () => {
    const client = await exec('echo begun; cat; sleep 1; echo gone > /gone', { stdin: true });
    await client.until(1, 'begun');
    client.leave();
    const seen = async () => {
      const { exitCode } = await cri.runtime.execSync(ctx, { containerId: container, cmd: ['test', '-e', '/gone'], timeout: 0n });
      return exitCode === 0;
    };
    await until('the command to go on', seen);
    await until('its processes to be forgotten', async () => {
      const { stdout } = await engine.onHost('ctr', ['-a', `${engine.run}/supervisor.sock`, '-n', 'k8s.io', 'tasks', 'ps', container]);
      return stdout.trim().split('\n').length === 2;
    });
  });

  test('attach is the first process: input stays open for the next, or ends with the first (stdin_once)', async () => {
    const script = 'while read line; do echo "got $line"; done; echo end';
    const kept = await started(pod, 'kept', script, { stdin: true });
    const first = await attach(kept, { stdin: true });
    first.send(0, 'one\n');
    await first.until(1, 'got one\n');
    first.half(0);
    const watching = await attach(kept);
    const second = await attach(kept, { stdin: true });
    second.send(0, 'two\n');
    await second.until(1, 'got two\n');
    await watching.until(1, 'got two\n');
    second.leave();
    expect((await status(kept))?.state).toBe(ContainerState.CONTAINER_RUNNING);

    const once = await started(pod, 'once', script, { stdin: true, stdinOnce: true });
    const only = await attach(once, { stdin: true });
    only.send(0, 'one\n');
    await only.until(1, 'got one\n');
    only.half(0);
    await only.closed;
    expect(only.said(1).toString()).toBe('got one\nend\n');
    await until('its end', async () => (await status(once))?.state === ContainerState.CONTAINER_EXITED);
    const late = await attach(once);
    await late.closed;
    expect(outcome(late)).toMatchObject({ message: expect.stringContaining('container is in CONTAINER_EXITED state') as string });
  });

  test('attach to a terminal gives it its size', async () => {
    const container_ = await started(pod, 'terminal', 'trap "stty size" WINCH; while :; do sleep 0.1; done', { stdin: true, tty: true });
    const client = await attach(container_, { tty: true, stdin: true });
    client.send(4, JSON.stringify({ Width: 77, Height: 22 }));
    await client.until(1, '22 77');
  });

  test('a port of a pod is reached over WebSocket, and one that nobody listens on says so (403 of containerd by this way)', async () => {
    await started(pod, 'server', 'while :; do echo answer | nc -l -p 8080; done');
    await listening(container, 8080);
    const client = await open((await cri.runtime.portForward(ctx, { podSandboxId: pod, port: [8080, 81] })).url, V4);
    await client.until(0, 'answer\n');
    expect([...client.said(0).subarray(0, 2)]).toEqual([0x90, 0x1f]);
    await client.until(3, 'error forwarding port 81');
  });

  test('a pod of the host has the ports of the host', async () => {
    const namespaceOptions = {
      network: NamespaceMode.NODE,
      pid: NamespaceMode.POD,
      ipc: NamespaceMode.POD,
      targetId: '',
      usernsOptions: undefined,
    };
    const config = podNamed('of-the-host', { linux: { securityContext: { namespaceOptions } } });
    const { podSandboxId } = await cri.runtime.runPodSandbox(ctx, { config, runtimeHandler: '' });
    try {
      await listening(await started(podSandboxId, 'server', 'while :; do echo host | nc -l -p 8081; done'), 8081);
      const client = await open((await cri.runtime.portForward(ctx, { podSandboxId, port: [8081] })).url, V4);
      await client.until(0, 'host\n');
    } finally {
      await cri.runtime.removePodSandbox(ctx, { podSandboxId });
    }
  });

  test('the service ends with clients connected; what they were connected to goes on, and is there for the next', async () => {
    const fed = await started(pod, 'fed', 'while read line; do echo "got $line"; done', { stdin: true });
    const [running, attached] = [await exec('echo begun; sleep 1000'), await attach(fed, { stdin: true })];
    await running.until(1, 'begun');
    attached.send(0, 'one\n');
    await attached.until(1, 'got one');
    const began = Date.now();
    await engine.halt();
    expect(Date.now() - began).toBeLessThan(20_000);
    await Promise.all([running.closed, attached.closed]);
    await engine.start();
    expect((await status(fed))?.state).toBe(ContainerState.CONTAINER_RUNNING);
    const next = await attach(fed, { stdin: true });
    next.send(0, 'two\n');
    await next.until(1, 'got two');
  }, 120_000);

  const minor = Number(/v1\.(\d+)/.exec(spawnSync('kubectl', ['version', '--client'], { encoding: 'utf8' }).stdout ?? '')?.[1] ?? 0);
  const withKubectl = minor >= 31 ? describe : describe.skip;
  withKubectl.each(['true', 'false'])(`kubectl, WebSockets %s${minor >= 31 ? '' : ' [needs kubectl 1.31]'}`, (webSockets) => {
    let api: Awaited<ReturnType<typeof startApiServer>>;
    let home: string;
    beforeAll(async () => {
      home = mkdtempSync(join(tmpdir(), 'gantry-e2e-kubectl-'));
      api = await startApiServer({
        reach: () => way.connect(),
        async addressOf({ verb, command, flags }) {
          if (verb === 'exec') return (await cri.runtime.exec(ctx, { containerId: container, cmd: command, ...flags })).url;
          if (verb === 'attach') return (await cri.runtime.attach(ctx, { containerId: container, ...flags })).url;
          return (await cri.runtime.portForward(ctx, { podSandboxId: pod, port: [] })).url;
        },
      });
    });
    afterAll(async () => {
      await api?.close();
      rmSync(home, { recursive: true, force: true });
    });
    const start = (args: readonly string[]) =>
      spawn('kubectl', ['--server', api.url, ...args], {
        env: {
          PATH: process.env['PATH'],
          HOME: home,
          KUBECTL_REMOTE_COMMAND_WEBSOCKETS: webSockets,
          KUBECTL_PORT_FORWARD_WEBSOCKETS: webSockets,
        },
      });

    test('runs a command with its input, both outputs and its exit code', async () => {
      const child = start(['exec', '-i', 'web', '--', 'sh', '-c', 'cat; echo err >&2; exit 5']);
      let [out, err] = ['', ''];
      child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
      child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
      child.stdin.end('hello\n');
      const code = await new Promise((resolve) => child.once('close', resolve));
      expect([code, out]).toEqual([5, 'hello\n']);
      expect(err).toContain('err\n');
    });

    test('forwards a port, half-closes included', async () => {
      const echo = await started(pod, `echo-${webSockets}`, 'while :; do nc -l -p 8082 -e cat; done');
      const child = start(['port-forward', 'web', ':8082']);
      try {
        const port = await new Promise<number>((resolve, reject) => {
          let text = '';
          const more = (words: string): void => {
            text += words;
            const [, found] = /127\.0\.0\.1:(\d+) -> 8082\n/.exec(text) ?? [];
            if (found !== undefined) resolve(Number(found));
          };
          child.stdout.setEncoding('utf8').on('data', more);
          child.stderr.setEncoding('utf8').on('data', more);
          child.once('close', () => reject(new Error(text)));
        });
        await listening(container, 8082);
        const answer = await new Promise<string>((resolve, reject) => {
          const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }, () => socket.end('through and back'));
          let text = '';
          socket.setEncoding('utf8').on('data', (more: string) => (text += more));
          socket.once('error', reject).once('end', () => resolve(text));
        });
        expect(answer).toBe('through and back');
      } finally {
        const over = new Promise((resolve) => child.once('close', resolve));
        child.kill('SIGKILL');
        await over;
        await cri.runtime.removeContainer(ctx, { containerId: echo });
      }
    });
  });
});
