import { createReadStream, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Engine, loadBusybox, startEngine, until } from './harness';

/** A log driver that is another program, as users write them: it takes the FIFO's bytes, and answers what the test says. */
describe('log plugins', () => {
  let folder: string;
  let engine: Engine;
  let plugin: Server;
  const asked: { method: string; body: { File?: string; Info?: { ContainerName: string; Config: Record<string, string> } } }[] = [];
  let taken = '';
  let refuses = '';
  let stored: Buffer | undefined;
  const of = (method: string) => asked.filter((one) => one.method === `/LogDriver.${method}`).map(({ body }) => body);

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'gantry-logs-'));
    plugin = createServer((request, response) => {
      let text = '';
      request.on('data', (part: Buffer) => (text += part.toString()));
      request.on('end', () => {
        const body = JSON.parse(text || '{}') as { File?: string };
        asked.push({ method: request.url ?? '', body });
        if (request.url === '/Plugin.Activate') return void response.end('{"Implements":["LogDriver"]}');
        if (request.url === '/LogDriver.Capabilities')
          return void response.end(JSON.stringify({ Cap: { ReadLogs: stored !== undefined } }));
        if (request.url === '/LogDriver.ReadLogs') return void response.end(stored);
        if (request.url === '/LogDriver.StartLogging' && refuses === '')
          createReadStream(body.File ?? '').on('data', (bytes) => (taken += bytes.toString()));
        return void response.end(JSON.stringify({ Err: request.url === '/LogDriver.StartLogging' ? refuses : '' }));
      });
    });
    await new Promise<void>((resolve) => plugin.listen(join(folder, 'keeper.sock'), resolve));
    engine = await startEngine('gantry', {
      separate: true,
      config: { supervisor: JSON.stringify({ plugins: { sockets: folder, specs: [], logging: join(folder, 'fifos') } }) },
    });
    await loadBusybox(engine);
  }, 120_000);
  afterAll(async () => {
    await engine.destroy();
    plugin.closeAllConnections();
    await new Promise((resolve) => plugin.close(resolve));
    rmSync(folder, { recursive: true });
  }, 120_000);
  beforeEach(() => {
    asked.length = 0;
    [taken, refuses, stored] = ['', '', undefined];
  });
  const ok = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await engine.docker(args);
    if (code !== 0) throw new Error(`docker ${args.join(' ')}: ${code}\n${stderr}`);
    return stdout.trim();
  };

  test('get the lines of a container, which docker logs reads, too', async () => {
    await ok('run', '--name', 'one', '--log-driver', 'keeper', '--log-opt', 'color=red', 'busybox', 'sh', '-c', 'echo out; echo err >&2');
    await until('the lines', () => taken.includes('out') && taken.includes('err'));
    await until('the end', () => of('StopLogging').length === 1);
    const [start, ...more] = of('StartLogging');
    expect(more).toEqual([]); // what a start has dialled is what is used
    expect(start?.Info).toMatchObject({ ContainerName: '/one', Config: { color: 'red' }, ContainerArgs: ['-c', 'echo out; echo err >&2'] });
    expect(of('StopLogging')).toEqual([{ File: start?.File }]);
    await until("the pipe to be gone, which the plugin's answer lets go", () => readdirSync(join(folder, 'fifos')).length === 0);
    expect(await ok('inspect', '-f', '{{json .HostConfig.LogConfig}}', 'one')).toBe('{"Type":"keeper","Config":{"color":"red"}}');
    expect(await engine.docker(['logs', 'one'])).toEqual({ code: 0, stdout: 'out\n', stderr: 'err\n' });
    await ok('rm', 'one');
  });

  test('lose none when the supervisor is killed', async () => {
    await ok(
      ...['run', '-d', '--name', 'two', '--log-driver', 'keeper'],
      ...['busybox', 'sh', '-c', 'for i in $(seq 40); do echo line$i.; sleep 0.1; done'],
    );
    await until('the first', () => taken.includes('line1.'));
    for (const pid of engine.pids('gantry-supervisor')) process.kill(pid, 'SIGKILL'); // the next call may meet the dying one, and is asked again
    await ok('wait', 'two');
    const missing = (): number[] =>
      Array.from({ length: 40 }, (_, index) => index + 1).filter((number) => !taken.includes(`line${number}.`));
    await until('all lines', () => missing().length === 0);
    await ok('rm', 'two');
    expect(readdirSync(join(folder, 'fifos'))).toEqual([]);
  }, 60_000);

  test('refuse a start in their words, and what is no plugin is none', async () => {
    refuses = 'no room for you';
    const refused = await engine.docker(['run', '--name', 'three', '--log-driver', 'keeper', 'busybox', 'true']);
    expect(refused.stderr).toContain('failed to initialize logging driver: error creating logger: remote: no room for you');
    await ok('rm', 'three');
    expect((await engine.docker(['create', '--log-driver', 'nobody', 'busybox'])).stderr).toContain(
      'error looking up logging plugin nobody: plugin "nobody" not found',
    );
  });

  test('are read from where they say that they keep the lines', async () => {
    await ok('run', '--name', 'four', '--log-driver', 'keeper', '--log-opt', 'cache-disabled=true', 'busybox', 'echo', 'said');
    expect((await engine.docker(['logs', 'four'])).stderr).toContain('configured logging driver does not support reading');
    const entry = Buffer.concat([Buffer.from('\x0a\x06stdout\x10\x01\x1a\x05kept\n', 'latin1')]);
    stored = Buffer.concat([Buffer.from([0, 0, 0, entry.length]), entry]);
    expect(await ok('logs', '--tail', '3', 'four')).toBe('kept');
    expect(of('ReadLogs')).toMatchObject([{ Config: { Tail: 3, Follow: false } }]);
    await ok('rm', 'four');
  });
});
