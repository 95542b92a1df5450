import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { command, describeEngine, type Engine, loadBusybox, startEngine, until } from './harness';

/** Hears lines on a unix socket. */
class Listener {
  private readonly sockets = new Set<Socket>();
  private readonly texts: string[] = [];
  private readonly server: Server;
  resting = false;

  constructor(readonly path: string) {
    this.server = createServer((socket) => {
      this.sockets.add(socket);
      socket.on('error', () => undefined);
      const index = this.texts.push('') - 1;
      socket.on('data', (bytes: Buffer) => (this.texts[index] += bytes.toString('latin1')));
      if (this.resting) socket.pause();
    });
  }

  async listen(): Promise<this> {
    this.server.listen(this.path);
    await once(this.server, 'listening');
    return this;
  }

  rest(): void {
    this.resting = true;
    for (const socket of this.sockets) socket.pause();
  }

  goOn(): void {
    this.resting = false;
    for (const socket of this.sockets) socket.resume();
  }

  lines = (): string[] => this.texts.flatMap((text) => text.split('\n').slice(0, -1));
  /** Numbers behind `line`, each once. */
  numbers = (): number[] => [...new Set(this.lines().map((line) => Number(/line (\d+)/.exec(line)?.[1] ?? -1)))];

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    const closed = once(this.server, 'close');
    this.server.close();
    await closed;
  }
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);
const counting = (count: number, pause: string): string => `i=0; while [ $i -lt ${count} ]; do i=$((i+1)); echo line $i; ${pause} done`;

describeEngine('log drivers', (suite) => {
  const { ok, docker } = suite;
  let folder: string;
  let listener: Listener;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'gantry-log-'));
    listener = await new Listener(join(folder, 'syslog')).listen();
  });
  afterAll(async () => {
    await listener.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test('syslog gets both streams with a tag, and logs reads them back', async () => {
    const options = [
      '--log-opt',
      `syslog-address=unix://${listener.path}`,
      '--log-opt',
      'syslog-format=rfc5424',
      '--log-opt',
      'tag={{.Name}}/x',
    ];
    await ok('run', '--name', 'sys', '--log-driver', 'syslog', ...options, 'busybox', 'sh', '-c', 'echo out; sleep 0.3; echo err >&2');
    await until('both lines', () => listener.lines().length === 2);
    expect(listener.lines()[0]).toMatch(/^<30>1 \d{4}-\S+ \S* sys\/x \d+ sys\/x - out$/);
    expect(listener.lines()[1]).toMatch(/^<27>1 \d{4}-\S+ \S* sys\/x \d+ sys\/x - err$/);
    expect(await docker(['logs', 'sys'])).toMatchObject({ code: 0, stdout: 'out\n', stderr: 'err\n' });
    expect(await ok('inspect', '-f', '{{.HostConfig.LogConfig.Type}} {{.LogPath}}', 'sys')).toBe('syslog ');
  });

  test('logs of a container without a cache are not there', async () => {
    const options = ['--log-driver', 'syslog', '--log-opt', `syslog-address=unix://${listener.path}`, '--log-opt', 'cache-disabled=true'];
    await ok('run', '--name', 'blind', ...options, 'busybox', 'echo', 'unseen');
    await until('the line', () => listener.lines().some((line) => line.endsWith(': unseen')));
    expect((await docker(['logs', 'blind'])).stderr).toContain('configured logging driver does not support reading');
  });

  test('a start is refused when nobody takes the lines', async () => {
    const run = await docker(['run', '--rm', '--log-driver', 'syslog', '--log-opt', 'syslog-address=tcp://127.0.0.1:1', 'busybox', 'true']);
    expect([run.code, run.stderr]).toEqual([
      128 - 3,
      expect.stringContaining('failed to initialize logging driver: dial tcp 127.0.0.1:1: connect: connection refused'),
    ]);
  });

  test('files that are rotated away are compressed, and read', async () => {
    const options = ['--log-opt', 'max-size=20k', '--log-opt', 'max-file=4', '--log-opt', 'compress=true'];
    const id = await ok('run', '-d', ...options, 'busybox', 'sh', '-c', counting(900, '[ $((i%100)) = 0 ] && sleep 0.3;'));
    await ok('wait', id);
    const numbers = (text: string): number[] => text.split('\n').flatMap((line) => (line === '' ? [] : [Number(line.split(' ')[1])]));
    const kept = numbers(await ok('logs', id));
    expect(kept).toEqual(upTo(900).slice(900 - kept.length));
    expect(kept.length).toBeGreaterThan(500);
    expect(numbers(await ok('logs', '--tail', '600', id))).toEqual(upTo(900).slice(300));
    if (suite.kind !== 'gantry') return;
    const path = await ok('inspect', '-f', '{{.LogPath}}', id);
    const names = readdirSync(join(path, '..')).filter((name) => name.includes('-json.log.'));
    expect(names.filter((name) => name.endsWith('.gz')).length).toBeGreaterThanOrEqual(2);
  });
});

describe('lines on their way', () => {
  let engine: Engine;
  let folder: string;
  let listener: Listener;
  const docker = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await engine.docker(args, { timeout: 60_000 });
    if (code !== 0) throw new Error(`docker ${args.join(' ')}: ${stderr}`);
    return stdout.trimEnd();
  };
  const droppedLines = async (): Promise<number> => {
    const { stdout } = await command('curl', ['-s', '--unix-socket', `${engine.run}/supervisor-metrics.sock`, 'http://localhost/metrics']);
    return Number(/^gantry_log_lines_dropped_total\{.*driver="syslog".*\} (\d+)/m.exec(stdout)?.[1] ?? 0);
  };
  const syslog = (...more: string[]): string[] => [
    ...['--log-driver', 'syslog', '--log-opt', `syslog-address=unix://${listener.path}`],
    ...more.flatMap((option) => ['--log-opt', option]),
  ];

  beforeAll(async () => {
    engine = await startEngine('gantry', { separate: true });
    await loadBusybox(engine);
    folder = mkdtempSync(join(tmpdir(), 'gantry-log-'));
  }, 120_000);
  beforeEach(async () => (listener = await new Listener(join(folder, 'syslog')).listen()));
  afterEach(() => listener.close());
  afterAll(async () => {
    await engine.destroy();
    rmSync(folder, { recursive: true, force: true });
  }, 120_000);

  test('a killed supervisor loses none', async () => {
    const id = await docker('run', '-d', ...syslog(), 'busybox', 'sh', '-c', counting(400, 'sleep 0.01;'));
    for (let round = 1; round <= 3; round++) {
      await until('lines', () => listener.numbers().length > round * 50, 60_000);
      for (const pid of engine.pids('gantry-supervisor')) process.kill(pid, 'SIGKILL');
      await until('the engine to answer again', async () => (await engine.docker(['ps'])).code === 0, 60_000);
    }
    expect(await docker('wait', id)).toBe('0');
    await until('all lines', () => listener.numbers().length === 400, 60_000);
    expect(listener.numbers()).toEqual(upTo(400));
    expect((await docker('logs', id)).split('\n')).toHaveLength(400);
  }, 180_000);

  test('a remote that was away gets what it missed, also of a container that is removed at its end', async () => {
    const id = await docker('run', '-d', '--rm', ...syslog(), 'busybox', 'sh', '-c', `sleep 1; ${counting(100, 'sleep 0.02;')}`);
    await listener.close();
    await new Promise((resolve) => setTimeout(resolve, 2000));
    await listener.listen();
    await until('all lines', () => listener.numbers().length === 100, 60_000);
    await until('the end of the container', async () => (await engine.docker(['inspect', id])).code !== 0, 60_000);
  }, 120_000);

  test('a remote that takes nothing holds a blocking container up, and costs it no line', async () => {
    const count = 30_000;
    listener.rest();
    const small = ['cache-max-size=100k', 'cache-max-file=2', 'cache-compress=false'];
    const id = await docker('run', '-d', ...syslog(...small), 'busybox', 'sh', '-c', counting(count, ''));
    const before = await droppedLines();
    const free = `i=0; while [ $i -lt ${count} ]; do i=$((i+1)); echo free $i; done`;
    const running = await docker('run', '-d', ...syslog('mode=non-blocking', ...small), 'busybox', 'sh', '-c', free);
    expect(await docker('wait', running)).toBe('0');
    expect(await docker('inspect', '-f', '{{.State.Status}}', id)).toBe('running');
    await docker('rm', running);
    const dropped = (await droppedLines()) - before;
    listener.goOn();
    expect(await docker('wait', id)).toBe('0');
    await until('all lines', () => listener.numbers().filter((number) => number > 0).length === count, 60_000);
    // Of the other one each line was either passed on or counted; the last of them may be on their way to a connection that was cut.
    const heard = new Set(listener.lines().flatMap((line) => /free (\d+)$/.exec(line)?.[1] ?? [])).size;
    expect(heard).toBeLessThan(count);
    expect(heard + dropped).toBeGreaterThanOrEqual(count);
    expect(dropped).toBeGreaterThan(count / 2);
    expect(dropped).toBeLessThanOrEqual(count);
  }, 180_000);

  test.each(['\\377', '\\342\\200\\250'])(
    'lines that are no plain text (%s) are passed on over rotations',
    async (odd) => {
      const small = ['cache-max-size=20k', 'cache-max-file=2', 'cache-compress=false'];
      const loop = `i=0; while [ $i -lt 20000 ]; do i=$((i+1)); printf 'line %d ${odd}\\n' $i; done`;
      const id = await docker('run', '-d', ...syslog(...small), 'busybox', 'sh', '-c', loop);
      expect(await docker('wait', id)).toBe('0');
      await until('all lines', () => listener.numbers().length === 20_000, 60_000);
    },
    120_000,
  );
});
