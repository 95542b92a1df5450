import { hash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { signV4 } from '@gantry/aws';
import { type HeardRequest, type HttpPeer, type HttpPeerAnswer, httpPeer } from '../../testing/http-peer';
import { until } from '../../testing/peers';
import { message, target } from '../../testing/targets';
import type { LogMessage, LogSink } from '../driver';
import { drivers } from '../table';

const { forwarding } = drivers.awslogs;
const live = new AbortController().signal;
const before = { ...process.env };
const keys = { AWS_ACCESS_KEY_ID: 'AK', AWS_SECRET_ACCESS_KEY: 'SK' };
let folder: string;
let peer: HttpPeer;
/** Names of what is there: `group`, and `group/stream`. */
let there: Set<string>;
let put: { readonly timestamp: number; readonly message: string }[];

const refuse = (type: string, text: string, more: object = {}): HttpPeerAnswer => ({
  status: 400,
  body: JSON.stringify({ __type: `com.amazonaws.logs#${type}`, message: text, ...more }),
});

function cloud({ headers, body }: HeardRequest): HttpPeerAnswer {
  const asked = JSON.parse(body.toString()) as { logGroupName: string; logStreamName: string; logEvents: typeof put };
  const [group, stream] = [asked.logGroupName, `${asked.logGroupName}/${asked.logStreamName}`];
  switch (headers['x-amz-target']) {
    case 'Logs_20140328.CreateLogGroup':
      there.add(group);
      return { body: '' };
    case 'Logs_20140328.CreateLogStream':
      if (!there.has(group)) return refuse('ResourceNotFoundException', 'The specified log group does not exist.');
      if (there.has(stream)) return refuse('ResourceAlreadyExistsException', 'The specified log stream already exists');
      there.add(stream);
      return { body: '' };
    default:
      if (!there.has(stream)) return refuse('ResourceNotFoundException', 'The specified log stream does not exist.');
      put.push(...asked.logEvents);
      return { body: '{"nextSequenceToken":"7"}' };
  }
}

const environment = (env: Record<string, string>): void => {
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) Reflect.deleteProperty(process.env, name);
  Object.assign(process.env, { HOME: folder, AWS_REGION: 'eu-west-1', AWS_EC2_METADATA_DISABLED: 'true', ...env });
};

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gantry-awslogs-'));
  environment(keys);
  [there, put] = [new Set(['g']), []];
  peer = await httpPeer(cloud);
});
afterEach(async () => {
  for (const name of Object.keys(process.env)) if (!(name in before)) Reflect.deleteProperty(process.env, name);
  Object.assign(process.env, before);
  await peer.close();
  rmSync(folder, { recursive: true, force: true });
});

const connect = async (options: Record<string, string> = {}): Promise<LogSink> => {
  const sink = await forwarding?.connect(target('awslogs', { 'awslogs-endpoint': peer.url, 'awslogs-group': 'g', ...options }), live);
  if (sink === undefined) throw new Error('no sink');
  return sink;
};
const lines = (...texts: string[]): LogMessage[] => texts.map((text) => message(text));
async function send(options: Record<string, string>, ...messages: LogMessage[]): Promise<void> {
  const sink = await connect(options);
  await sink.send(messages, live);
  await sink.close();
}
const texts = (): string[] => put.map(({ message: text }) => text);
const operations = (): string[] => peer.heard.map(({ headers }) => String(headers['x-amz-target']).split('.')[1] ?? '');

test('makes group and stream, and puts events that are signed', async () => {
  there.clear();
  await send({ 'awslogs-create-group': 'true' }, message('one'), message(''), message('two', { stream: 'stderr' }));
  expect(operations()).toEqual(['CreateLogStream', 'CreateLogGroup', 'CreateLogStream', 'PutLogEvents']);
  expect([...there]).toEqual(['g', 'g/cccccccccccc']);
  expect(put).toEqual([
    { timestamp: 1_767_323_045_678, message: 'one' },
    { timestamp: 1_767_323_045_678, message: 'two' },
  ]);
  const last = peer.heard.at(-1);
  const date = String(last?.headers['x-amz-date']);
  const at = new Date(date.replace(/(....)(..)(..)T(..)(..)(..)Z/, '$1-$2-$3T$4:$5:$6Z'));
  const headers = { 'Content-Type': 'application/x-amz-json-1.1', 'X-Amz-Target': 'Logs_20140328.PutLogEvents' };
  const request = { method: 'POST', url: new URL(peer.url), headers, payload: hash('sha256', last?.body ?? Buffer.alloc(0)) };
  const again = signV4({ ...request, region: 'eu-west-1', service: 'logs', at }, { accessKeyId: 'AK', secretAccessKey: 'SK' });
  expect(last?.headers.authorization).toBe(again['authorization']);
});

test('a stream that is there, that is named, or that nobody wants made', async () => {
  there.add('g/mine');
  await send({ 'awslogs-stream': 'mine' }, ...lines('one'));
  await send({ 'awslogs-stream': 'mine', 'awslogs-create-stream': 'false', 'awslogs-format': 'json/emf' }, ...lines('two'));
  expect([texts(), operations().length]).toEqual([['one', 'two'], 3]);
  expect(peer.heard.at(-1)?.headers['x-amzn-logs-format']).toBe('json/emf');
});

test('lines that belong together are one event, and the last one is put at the end', async () => {
  await send({ 'awslogs-multiline-pattern': '^INFO' }, ...lines('INFO one', ' at x', '', 'INFO two', ' at y'));
  expect(texts()).toEqual(['INFO one\n at x\n\n', 'INFO two\n at y\n']);
});

test('what is not whole is told to be underway, and whole after a while', async () => {
  const sink = await connect({ 'awslogs-datetime-format': '\\[%b %d, %Y %H:%M:%S\\]', 'awslogs-force-flush-interval-seconds': '1' });
  await sink.send(lines('[May 01, 2017 19:00:01] a', 'b'), live);
  await sink.send(lines('[May 02, 2017 19:00:01] c'), live);
  expect(sink.progress?.().sends).toBe(0);
  await until('both events', () => put.length === 2);
  expect(texts()).toEqual(['[May 01, 2017 19:00:01] a\nb\n', '[May 02, 2017 19:00:01] c\n']);
  await until('both to be through', () => sink.progress?.().sends === 2);
  await sink.send(lines('[May 03, 2017 19:00:01] d'), live);
  await sink.close(AbortSignal.abort());
  expect([put.length, sink.progress?.().sends]).toEqual([2, 2]);
});

test('parts are joined, and what is longer than an event is several', async () => {
  const part = (ordinal: number, last = false, stream: 'stdout' | 'stderr' = 'stdout') => ({ stream, partial: { id: 'p', ordinal, last } });
  const sink = await connect();
  await sink.send([message('a'.repeat(16_384), part(1)), message('other', { stream: 'stderr' })], live);
  await until('the other line', () => operations().length === 2 && put.length === 1);
  expect(sink.progress?.().sends).toBe(0);
  await sink.send([message('b', part(2, true))], live);
  await sink.close();
  expect(texts()).toEqual(['other', `${'a'.repeat(16_384)}b`]);
  await send({ 'awslogs-multiline-pattern': '^x' }, message('é'.repeat(140_000)));
  expect(
    texts()
      .slice(2)
      .map((text) => Buffer.byteLength(text)),
  ).toEqual([262_118, 280_000 - 262_118]);
}, 20_000);

test('batches hold a megabyte', async () => {
  await send({}, ...Array.from({ length: 60 }, () => message('x'.repeat(50_000))));
  expect(operations().filter((name) => name === 'PutLogEvents').length).toBe(3);
  expect(put.length).toBe(60);
});

test('sequence tokens of older servers, and what they refuse for good', async () => {
  let asked = 0;
  const tokens: unknown[] = [];
  peer.answer = (request) => {
    if (request.headers['x-amz-target'] !== 'Logs_20140328.PutLogEvents') return cloud(request);
    tokens.push((JSON.parse(request.body.toString()) as { sequenceToken?: string }).sequenceToken);
    if (++asked === 1) return refuse('InvalidSequenceTokenException', 'The next is 5', { expectedSequenceToken: '5' });
    return { body: '{"nextSequenceToken":"6","rejectedLogEventsInfo":{"tooOldLogEventEndIndex":1}}' };
  };
  const sink = await connect();
  await sink.send(lines('one', 'two'), live);
  await sink.close();
  expect([tokens, sink.progress?.()]).toEqual([[undefined, '5'], { sends: 1, refused: 1 }]);
});

test('failures in the words of the SDK', async () => {
  await expect(connect({ 'awslogs-group': 'none' })).rejects.toThrow(
    'failed to create Cloudwatch log stream: operation error CloudWatch Logs: CreateLogStream, https response error StatusCode: 400, RequestID: , ResourceNotFoundException: The specified log group does not exist.',
  );
  await expect(connect({ 'awslogs-endpoint': 'http://127.0.0.1:1' })).rejects.toThrow(
    'request send failed, Post "http://127.0.0.1:1/": dial tcp 127.0.0.1:1: connect: connection refused',
  );
  environment({});
  await expect(connect()).rejects.toThrow(
    'CreateLogStream, get identity: get credentials: failed to refresh cached credentials, no EC2 IMDS role found, access disabled',
  );
  environment({ AWS_REGION: '' });
  await expect(connect()).rejects.toThrow('cannot determine region for awslogs driver: access disabled');
  environment(keys);
  const sink = await connect();
  there.clear();
  await sink.send(lines('one'), live);
  await sink.close();
  await expect(sink.lost).rejects.toThrow('PutLogEvents, https response error StatusCode: 400');
});

const keyOf = (): string => /Credential=([^/]*)\//.exec(String(peer.heard.at(-1)?.headers.authorization))?.[1] ?? '';

test('credentials of files', async () => {
  const file = join(folder, 'credentials');
  writeFileSync(
    file,
    '[default]\naws_access_key_id = FILE\naws_secret_access_key=S # no\n\n[other]\naws_access_key_id=OTHER\naws_secret_access_key=S\naws_session_token=T\n',
  );
  environment({ AWS_SHARED_CREDENTIALS_FILE: file });
  await (await connect()).close();
  expect(keyOf()).toBe('FILE');
  environment({ AWS_SHARED_CREDENTIALS_FILE: file, AWS_PROFILE: 'other' });
  await (await connect()).close();
  expect([keyOf(), peer.heard.at(-1)?.headers['x-amz-security-token']]).toEqual(['OTHER', 'T']);
  environment({ AWS_SHARED_CREDENTIALS_FILE: file, AWS_PROFILE: 'none' });
  await expect(connect()).rejects.toThrow('failed to get shared config profile, none');
  writeFileSync(file, '[default]\nrole_arn = arn:x\n');
  environment({ AWS_SHARED_CREDENTIALS_FILE: file });
  await expect(connect()).rejects.toThrow('profile default: role_arn is not supported');
});

test('credentials of a container and of an instance, asked for anew before they end', async () => {
  const soon = new Date(Date.now() + 60_000).toISOString();
  const credentials = (id: string): HttpPeerAnswer => ({
    body: JSON.stringify({ AccessKeyId: id, SecretAccessKey: 'S', Token: 'T', Expiration: soon }),
  });
  const asked: string[] = [];
  const host = await httpPeer(({ method, path, headers }) => {
    asked.push(`${method} ${path} ${String(headers['x-aws-ec2-metadata-token'] ?? headers.authorization ?? '')}`.trimEnd());
    if (path === '/task') return credentials('TASK');
    if (method === 'PUT') return { body: 'token' };
    if (path.endsWith('/document')) return { body: '{"region":"us-west-2"}' };
    return path.endsWith('/role') ? credentials('ROLE') : { body: 'role\n' };
  });
  try {
    environment({ AWS_CONTAINER_CREDENTIALS_FULL_URI: `${host.url}/task`, AWS_CONTAINER_AUTHORIZATION_TOKEN: 'secret' });
    await send({}, ...lines('one'));
    expect([keyOf(), asked]).toEqual(['TASK', ['GET /task secret', 'GET /task secret']]);
    environment({ AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://example.com/task' });
    await expect(connect()).rejects.toThrow('invalid endpoint host, "example.com", only loopback/ecs/eks hosts are allowed');
    asked.length = 0;
    environment({ AWS_EC2_METADATA_DISABLED: '', AWS_EC2_METADATA_SERVICE_ENDPOINT: host.url, AWS_REGION: '' });
    await (await connect()).close();
    expect(keyOf()).toBe('ROLE');
    expect(String(peer.heard.at(-1)?.headers.authorization)).toContain('/us-west-2/logs/aws4_request');
    expect(asked).toContain('GET /latest/meta-data/iam/security-credentials/role token');
  } finally {
    await host.close();
  }
});

test.each<[Record<string, string>, string]>([
  [{}, 'https://logs.eu-west-1.amazonaws.com/'],
  [{ AWS_USE_FIPS_ENDPOINT: 'true' }, 'https://logs-fips.eu-west-1.amazonaws.com/'],
  [{ AWS_USE_DUALSTACK_ENDPOINT: 'true' }, 'https://logs.eu-west-1.api.aws/'],
  [{ AWS_ENDPOINT_URL: 'http://h:1' }, 'http://h:1/'],
])('endpoint with %j', async (env, url) => {
  const { endpointOf } = await import('./region');
  expect(endpointOf({}, env, 'eu-west-1').href).toBe(url);
});

test('what is told at the start', () => {
  expect(() => drivers.awslogs.files({ 'awslogs-create-stream': 'x' })).toThrow('strconv.ParseBool: parsing "x": invalid syntax');
  expect(() => drivers.awslogs.files({ 'awslogs-multiline-pattern': '(' })).toThrow(
    'awslogs could not parse multiline pattern key "(": error parsing regexp',
  );
  expect([forwarding?.dialsAtStart({}), forwarding?.dialsAtStart({ mode: 'non-blocking' })]).toEqual([true, false]);
});
