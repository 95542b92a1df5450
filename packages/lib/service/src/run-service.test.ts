import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { connect as connectSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NamespacesService } from '@gantry/api/containerd/services/namespaces/v1/namespace';
import { AF, MSG, SOCK, syscalls, unixAddress } from '@gantry/linux';
import { connect, newContext, traceIdOf } from '@gantry/rpc';
import { buildSync } from 'esbuild';

let dir: string;
let bundle: string;
let child: ChildProcess | undefined;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'service-'));
  bundle = join(dir, 'example.cjs');
  buildSync({
    entryPoints: [join(__dirname, 'testing/example-main.ts')],
    outfile: bundle,
    bundle: true,
    platform: 'node',
    target: 'node24',
    external: ['koffi'],
    logLevel: 'error',
  });
  mkdirSync(join(dir, 'node_modules'));
});
afterEach(() => {
  child?.kill('SIGKILL');
  child = undefined;
});
afterAll(() => rmSync(dir, { recursive: true }));

const roots = (): string[] => ['--root', join(dir, 'data'), '--run', join(dir, 'run')];
const env = { NODE_PATH: join(__dirname, '../../../../node_modules') };

function once(args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [bundle, ...args], { env }, (error, stdout, stderr) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr }),
    );
  });
}

interface Line {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

interface Started {
  readonly process: ChildProcess;
  readonly lines: Line[];
  readonly exited: Promise<number | NodeJS.Signals>;
}

async function start(args: readonly string[] = [], extra: Record<string, string> = {}): Promise<Started> {
  const started = spawn(process.execPath, [bundle, ...roots(), ...args], {
    env: { ...env, ...extra },
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  child = started;
  const lines: Line[] = [];
  const ready = Promise.withResolvers<void>();
  let rest = '';
  started.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    const parts = (rest + chunk).split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts) lines.push(JSON.parse(part) as Line);
    if (lines.some(({ msg }) => msg === 'ready')) ready.resolve();
  });
  const exited = new Promise<number | NodeJS.Signals>((resolve) =>
    started.once('close', (code, signal) => resolve(code ?? signal ?? 'SIGKILL')),
  );
  void exited.then((code) => ready.reject(new Error(`exited with ${code}: ${rest}`)));
  await ready.promise;
  return { process: started, lines, exited };
}

function scrape(options: { socketPath: string } | { port: number; host: string }): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ ...options, path: '/metrics' }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve(text));
    }).on('error', reject);
  });
}

describe('the command line', () => {
  test('--version and --help', async () => {
    expect(await once(['--version'])).toEqual({ code: 0, stdout: 'gantry-example 1.2.3\n', stderr: '' });
    const help = await once(['--help']);
    expect(help.code).toBe(0);
    for (const flag of [
      '--root DIR',
      '--run DIR',
      '--config FILE',
      '--log-level',
      '--metrics-address',
      '--peer',
      '/etc/gantry/example.yaml',
    ])
      expect(help.stdout).toContain(flag);
  });

  test.each([
    [['--wrong'], 'unknown flag --wrong'],
    [['word'], 'unexpected argument "word"'],
    [['--root'], 'flag --root needs a value'],
    [['--size-limit', 'many'], 'flag --size-limit is a number, not "many"'],
    [['--root', 'relative'], 'root "relative" is not an absolute path'],
    [['--log-level', 'loud'], 'log-level "loud" is none of'],
    [['--config', '/nonexistent.yaml'], 'cannot read configuration /nonexistent.yaml'],
  ])('%j is refused', async (args, message) => {
    const end = await once(args);
    expect(end.code).toBe(2);
    expect(end.stderr).toContain(message);
  });

  test('a wrong file is refused by the key', async () => {
    const file = join(dir, 'wrong.yaml');
    for (const [text, message] of [
      ['greting: x', 'unknown key "greting"'],
      ['limits: {syze: 2}', 'unknown key "limits.syze"'],
      ['peers: x', 'key "peers" is a list, not a string'],
      ['a: [', 'is not YAML'],
    ] as const) {
      writeFileSync(file, text);
      const end = await once(['--config', file]);
      expect([end.code, end.stderr]).toEqual([2, expect.stringContaining(message)]);
    }
  });
});

describe('a running service', () => {
  test('serves, logs with the trace, is measured, and stops in good order', async () => {
    const file = join(dir, 'example.yaml');
    writeFileSync(file, 'greeting: hi\nlimits:\n  size: 5\n');
    const service = await start(['--config', file, '--log-level=debug']);
    const socket = join(dir, 'run/example.sock');
    expect(statSync(socket).mode & 0o777).toBe(0o600);
    expect(statSync(join(dir, 'run')).mode & 0o777).toBe(0o711);
    expect(statSync(join(dir, 'run/s')).mode & 0o777).toBe(0o700);
    expect(statSync(join(dir, 'data/example')).mode & 0o777).toBe(0o700);

    const connection = connect(socket);
    const ctx = newContext();
    expect((await connection.client(NamespacesService).get(ctx, { name: 'you' })).namespace?.name).toBe('hi you');
    await expect(connection.client(NamespacesService).list(ctx, { filter: '' })).rejects.toMatchObject({ kind: 'notImplemented' });
    connection.close();
    expect(service.lines.find(({ msg }) => msg === 'greeting')).toMatchObject({
      service: 'example',
      version: '1.2.3',
      level: 'info',
      trace_id: traceIdOf(ctx),
      operation_id: ctx.operationId,
    });

    const metrics = await scrape({ socketPath: join(dir, 'run/example-metrics.sock') });
    expect(metrics).toContain(
      'gantry_rpc_failures_total{method="/containerd.services.namespaces.v1.Namespaces/List",kind="notImplemented",service="example"} 1',
    );
    expect(metrics).toContain(
      'gantry_rpc_duration_seconds_count{service="example",method="/containerd.services.namespaces.v1.Namespaces/Get"} 1',
    );
    expect(metrics).toContain('process_resident_memory_bytes');

    service.process.kill('SIGTERM');
    expect(await service.exited).toBe(0);
    expect(service.lines.at(-1)?.msg).toBe('stopped');
    expect(existsSync(socket)).toBe(false);
  });

  test('serves metrics on TCP when told', async () => {
    const service = await start(['--metrics-address', '127.0.0.1:0']);
    const address = service.lines.find(({ msg }) => msg === 'ready')?.['metrics'] as string;
    expect(await scrape({ host: '127.0.0.1', port: Number(address.split(':')[1]) })).toContain(
      'gantry_build_info{version="1.2.3",service="example"} 1',
    );
  });

  test('a second signal ends it at once', async () => {
    const service = await start();
    const connection = connect(join(dir, 'run/example.sock'));
    await connection.ready(20_000);
    service.process.kill('SIGINT');
    service.process.kill('SIGINT');
    expect([0, 130]).toContain(await service.exited);
    connection.close();
  });

  test('a rejection that nobody handles is logged and ends it with 1', async () => {
    const service = await start();
    const connection = connect(join(dir, 'run/example.sock'));
    await connection
      .client(NamespacesService)
      .get(newContext(), { name: 'crash' })
      .catch(() => undefined);
    expect(await service.exited).toBe(1);
    expect(service.lines.at(-1)).toMatchObject({ level: 'fatal', msg: 'unhandled rejection' });
    connection.close();
  });

  test('serves the socket that it was handed, also to whoever called before it started, and leaves its name', async () => {
    const socket = join(dir, 'run/example.sock');
    mkdirSync(join(dir, 'run'), { recursive: true });
    rmSync(socket, { force: true });
    const fd = syscalls.socket(AF.UNIX, SOCK.STREAM, 0);
    syscalls.bind(fd, unixAddress(socket));
    syscalls.listen(fd, 16);
    const connection = connect(socket);
    try {
      for (const turn of ['first', 'second']) {
        const waiting = connection.client(NamespacesService).get(newContext(), { name: turn }, { timeoutMs: 20_000 });
        const handed = spawn('/bin/sh', ['-c', 'LISTEN_PID=$$ exec "$@"', 'sh', process.execPath, bundle, ...roots()], {
          env: { ...env, LISTEN_FDS: '1' },
          stdio: ['ignore', 'inherit', 'ignore', fd],
        });
        child = handed;
        expect((await waiting).namespace?.name).toBe(`hello ${turn}`);
        expect(statSync(socket).mode & 0o777).toBe(0o600);
        const ended = new Promise((resolve) => handed.once('exit', resolve));
        handed.kill(turn === 'first' ? 'SIGKILL' : 'SIGTERM');
        await ended;
        expect(existsSync(socket)).toBe(true);
        await connection.lost(30_000);
      }
    } finally {
      connection.close();
      syscalls.close(fd);
      rmSync(socket);
    }
  });

  test('one that cannot run refuses whoever waits, and takes a breath before systemd starts it again', async () => {
    const socket = join(dir, 'wait.sock');
    const fd = syscalls.socket(AF.UNIX, SOCK.STREAM, 0);
    syscalls.bind(fd, unixAddress(socket));
    syscalls.listen(fd, 16);
    const refused = new Promise((resolve) => connectSocket(socket).once('close', resolve).once('error', resolve));
    const begun = performance.now();
    const handed = spawn('/bin/sh', ['-c', 'LISTEN_PID=$$ exec "$@"', 'sh', process.execPath, bundle, '--root', 'relative'], {
      env: { ...env, LISTEN_FDS: '1', NOTIFY_SOCKET: join(dir, 'nobody.sock') },
      stdio: ['ignore', 'inherit', 'ignore', fd],
    });
    child = handed;
    expect(await new Promise((resolve) => handed.once('exit', resolve))).toBe(2);
    expect(performance.now() - begun).toBeGreaterThan(1000);
    await refused;
    syscalls.close(fd);
  });

  test('tells systemd', async () => {
    const path = join(dir, 'notify.sock');
    const fd = syscalls.socket(AF.UNIX, SOCK.DGRAM, 0);
    syscalls.bind(fd, unixAddress(path));
    const service = await start([], { NOTIFY_SOCKET: path, WATCHDOG_USEC: '300000' });
    const messages: string[] = [];
    const into = Buffer.alloc(4096);
    const read = (): void => {
      for (;;) {
        try {
          messages.push(into.toString('utf8', 0, syscalls.recv(fd, into, MSG.DONTWAIT)));
        } catch {
          return; // nothing more for now
        }
      }
    };
    for (read(); messages.filter((message) => message === 'WATCHDOG=1').length < 2; read())
      await new Promise((resolve) => setTimeout(resolve, 20));
    service.process.kill('SIGTERM');
    await service.exited;
    read();
    syscalls.close(fd);
    expect(messages[0]).toMatch(/^READY=1\nSTATUS=.*\nMAINPID=\d+$/);
    expect(messages.at(-1)).toBe('STOPPING=1');
  });
});
