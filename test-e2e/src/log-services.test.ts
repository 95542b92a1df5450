import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Engine, getFromHost, loadBusybox, pinnedNode, startEngine, until } from './harness';

const PORT = 8088;
const URL_ = `http://127.0.0.1:${PORT}`;

/** Takes everything that it is posted, and appends it to a file: a line a request, its path and its body unpacked. */
const COLLECTOR = `
const { appendFileSync } = require('node:fs');
const { gunzipSync } = require('node:zlib');
require('node:http').createServer((request, response) => {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => {
    const body = Buffer.concat(parts);
    const text = (request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body).toString();
    appendFileSync(process.argv[1], JSON.stringify([request.method, request.url, text]) + '\\n');
    response.end('{"access_token":"T"}');
  });
}).listen(${PORT}, '127.0.0.1');
`;

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

/** Log drivers that speak HTTP, each to a server of its words on the engine's own loopback. */
describe('log drivers of services', () => {
  let engine: Engine;
  let folder: string;
  let collector: ChildProcess | undefined;
  const before = { ...process.env };
  const docker = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await engine.docker(args, { timeout: 60_000 });
    if (code !== 0) throw new Error(`docker ${args.join(' ')}: ${stderr}`);
    return stdout.trimEnd();
  };
  const collect = async (): Promise<void> => {
    const argv = [`--net=/run/netns/${engine.netns}`, pinnedNode, '-e', COLLECTOR, join(folder, 'heard')];
    collector = spawn('nsenter', argv, { stdio: 'ignore' });
    await until('the collector', async () => (await getFromHost(engine, '127.0.0.1', PORT)) !== '');
  };
  const away = async (): Promise<void> => {
    if (collector === undefined || collector.exitCode !== null || collector.signalCode !== null) return;
    const ended = once(collector, 'exit');
    collector.kill('SIGKILL');
    await ended;
  };
  const heard = (): [string, string, string][] => {
    const path = join(folder, 'heard');
    if (!existsSync(path)) return [];
    const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line) as [string, string, string]);
  };
  /** Numbers behind a word, in the order in which each came first. */
  const numbers = (word: string): number[] => {
    const texts = heard().flatMap(([, , body]) => [...body.matchAll(new RegExp(`${word} (\\d+)`, 'g'))]);
    return [...new Set(texts.map(([, number]) => Number(number)))];
  };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'gantry-log-'));
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
    const key = { type: 'service_account', client_email: 'me@example.com', token_uri: `${URL_}/token`, private_key: pem };
    writeFileSync(join(folder, 'key.json'), JSON.stringify(key), { mode: 0o600 });
    // The engine's own environment, as a unit's drop-in sets it.
    Object.assign(process.env, {
      SPLUNK_LOGGING_DRIVER_POST_MESSAGES_FREQUENCY: '200ms',
      AWS_ACCESS_KEY_ID: 'AK',
      AWS_SECRET_ACCESS_KEY: 'SK',
      AWS_EC2_METADATA_DISABLED: 'true',
      GOOGLE_APPLICATION_CREDENTIALS: join(folder, 'key.json'),
      GCE_METADATA_HOST: `127.0.0.1:${PORT}`,
      CLOUDSDK_API_ENDPOINT_OVERRIDES_LOGGING: URL_,
    });
    engine = await startEngine('gantry', { separate: true, config: { supervisor: 'log-bound: { max-size: 20k, max-file: 3 }\n' } });
    await loadBusybox(engine);
    await collect();
  }, 120_000);
  afterAll(async () => {
    for (const name of Object.keys(process.env)) if (!(name in before)) Reflect.deleteProperty(process.env, name);
    await away();
    await engine.destroy();
    rmSync(folder, { recursive: true, force: true });
  }, 120_000);

  const drivers: readonly (readonly [string, string, readonly string[]])[] = [
    ['splunk', '/services/collector/event/1.0', [`splunk-url=${URL_}`, 'splunk-token=t', 'splunk-gzip=true', 'splunk-format=json']],
    ['awslogs', '/', ['awslogs-region=eu-west-1', `awslogs-endpoint=${URL_}`, 'awslogs-group=g', 'awslogs-force-flush-interval-seconds=1']],
    ['gcplogs', '/v2/entries:write', ['gcp-project=p']],
  ];

  test.each(drivers)(
    '%s loses none to a killed supervisor, and to a server that is away',
    async (driver, path, options) => {
      const opts = ['--log-driver', driver, ...options.flatMap((option) => ['--log-opt', option])];
      const loop = `i=0; while [ $i -lt 300 ]; do i=$((i+1)); echo ${driver} $i; sleep 0.01; done`;
      const id = await docker('run', '-d', ...opts, 'busybox', 'sh', '-c', loop);
      for (const least of [20, 100]) {
        await until('lines', () => numbers(driver).length > least, 60_000);
        for (const pid of engine.pids('gantry-supervisor')) process.kill(pid, 'SIGKILL');
        await until('the engine to answer again', async () => (await engine.docker(['ps'])).code === 0, 60_000);
      }
      await away();
      await new Promise((resolve) => setTimeout(resolve, 500)); // lines that nobody takes
      await collect();
      expect(await docker('wait', id)).toBe('0');
      await until('all lines', () => numbers(driver).length === 300, 60_000);
      expect(numbers(driver)).toEqual(upTo(300));
      expect(heard().some(([method, url]) => method === 'POST' && url === path)).toBe(true);
      expect((await docker('logs', id)).split('\n')).toHaveLength(300);
      expect(await docker('inspect', '-f', '{{.HostConfig.LogConfig.Type}}', id)).toBe(driver);
    },
    180_000,
  );

  test('the last lines of a container that is removed at its end are passed on', async () => {
    const splunk = ['--log-driver', 'splunk', '--log-opt', `splunk-url=${URL_}`, '--log-opt', 'splunk-token=t'];
    await docker('run', '--rm', ...splunk, 'busybox', 'echo', 'short 1');
    await until('the line', () => numbers('short').length === 1);
  });

  test('logs that nobody bounded are bounded, and info says so', async () => {
    const id = await docker('run', '-d', 'busybox', 'sh', '-c', 'i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo line $i; done');
    expect(await docker('wait', id)).toBe('0');
    const lines = (await docker('logs', id)).split('\n');
    expect(lines).toEqual(
      upTo(3000)
        .slice(-lines.length)
        .map((number) => `line ${number}`),
    );
    expect([lines.length > 100, lines.length < 1500]).toEqual([true, true]);
    expect(await docker('inspect', '-f', '{{.HostConfig.LogConfig}}', id)).toBe('{json-file map[]}');
    const warning = 'WARNING: json-file logs without max-size are kept to 3 files of 0.02 MB (log-bound of supervisor.yaml)';
    expect(await docker('info', '-f', '{{json .Warnings}}')).toContain(warning);
  });

  test('what is wrong is told at the start', async () => {
    const run = (driver: string, ...options: string[]) =>
      engine.docker(['run', '--rm', '--log-driver', driver, ...options.flatMap((option) => ['--log-opt', option]), 'busybox', 'true']);
    expect((await run('splunk', 'splunk-token=t')).stderr).toContain('failed to initialize logging driver: splunk: splunk-url is expected');
    expect((await run('splunk', 'splunk-url=http://127.0.0.1:1', 'splunk-token=t')).stderr).toContain(
      'Options "http://127.0.0.1:1/services/collector/event/1.0": dial tcp 127.0.0.1:1: connect: connection refused',
    );
    expect((await run('awslogs', 'awslogs-region=eu-west-1')).stderr).toContain("must specify a value for log opt 'awslogs-group'");
    expect((await run('gcplogs')).stderr).toContain('No project was specified');
  });
});
