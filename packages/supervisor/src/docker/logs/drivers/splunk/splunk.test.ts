import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { type HttpPeer, httpPeer } from '../../testing/http-peer';
import { until } from '../../testing/peers';
import { message, target } from '../../testing/targets';
import type { LogMessage, LogSink } from '../driver';
import { drivers } from '../table';
import { splunkPace } from './options';

const { forwarding } = drivers.splunk;
const live = new AbortController().signal;
let peer: HttpPeer;
afterEach(() => peer.close());

const connect = async (options: Record<string, string> = {}): Promise<LogSink> => {
  const sink = await forwarding?.connect(target('splunk', { 'splunk-url': peer.url, 'splunk-token': 'abc', ...options }), live);
  if (sink === undefined) throw new Error('no sink');
  return sink;
};
async function send(options: Record<string, string>, ...messages: LogMessage[]): Promise<void> {
  const sink = await connect(options);
  await sink.send(messages, live);
  await sink.close();
}
/** Events stand in a row, with nothing between. */
const events = (text: string): unknown[] => JSON.parse(`[${text.replaceAll('}{"event"', '},{"event"')}]`) as unknown[];
const posted = (): unknown[] =>
  peer.heard
    .filter(({ method }) => method === 'POST')
    .flatMap(({ body, headers }) => events((headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body).toString()));

test('verifies, and posts events inline', async () => {
  peer = await httpPeer(() => ({}));
  const options = { 'splunk-source': 's', 'splunk-sourcetype': 't', 'splunk-index': 'i' };
  await send(options, message('{"a":1}'), message('', { stream: 'stderr', time: '2026-01-02T03:04:05Z' }));
  expect(peer.heard.map(({ method, path, headers }) => [method, path, headers.authorization])).toEqual([
    ['OPTIONS', '/services/collector/event/1.0', undefined],
    ['POST', '/services/collector/event/1.0', 'Splunk abc'],
  ]);
  const common = { host: hostname(), source: 's', sourcetype: 't', index: 'i' };
  const about = { tag: 'cccccccccccc', attrs: { 'com.example.app': 'shop' } };
  expect(posted()).toEqual([
    { event: { line: '{"a":1}', source: 'stdout', ...about }, time: '1767323045.678901', ...common },
    { event: { line: '', source: 'stderr', ...about }, time: '1767323045.000000', ...common },
  ]);
});

test('json goes as it is, and what is none as text', async () => {
  peer = await httpPeer(() => ({}));
  const options = { 'splunk-format': 'json', 'splunk-verify-connection': 'false', tag: '' };
  await send(options, message('{"a":12345678901234567890}'), message('{not'));
  expect(peer.heard.map(({ method }) => method)).toEqual(['POST']);
  expect(peer.heard[0]?.body.toString()).toContain('"line":{"a":12345678901234567890},"source":"stdout","attrs"');
  expect(posted()[1]).toMatchObject({ event: { line: '{not' } });
});

test('raw has what is known of the container in front, and no empty lines', async () => {
  peer = await httpPeer(() => ({}));
  await send({ 'splunk-format': 'raw' }, message('one'), message(' \t'));
  expect(posted()).toEqual([{ event: 'cccccccccccc com.example.app=shop one', time: '1767323045.678901', host: hostname() }]);
});

test('compresses, and names a channel where receipts are wanted', async () => {
  peer = await httpPeer(() => ({}));
  await send({ 'splunk-gzip': 'true', 'splunk-gzip-level': '9', 'splunk-index-acknowledgment': '1' }, message('x'.repeat(5000)));
  expect(peer.heard[1]?.body.length).toBeLessThan(300);
  expect(peer.heard[1]?.headers['x-splunk-request-channel']).toMatch(/^[0-9a-f-]{36}$/);
  expect(posted()).toMatchObject([{ event: { line: 'x'.repeat(5000) } }]);
});

test('posts at most a thousand at once, in order, and tells what is through', async () => {
  const gate = Promise.withResolvers<void>();
  peer = await httpPeer(async ({ method }) => (method === 'POST' ? gate.promise.then(() => ({})) : {}));
  const sink = await connect();
  const lines = Array.from({ length: 1500 }, (_, index) => message(String(index)));
  const sending = sink.send(lines, live);
  await until('the first batch', () => peer.heard.length === 2);
  expect(sink.progress?.()).toEqual({ sends: 0, refused: 0 });
  gate.resolve();
  await sending;
  await sink.close();
  expect(sink.progress?.()).toEqual({ sends: 1, refused: 0 });
  expect(peer.heard.length).toBe(3);
  expect(posted().map((one) => (one as { event: { line: string } }).event.line)).toEqual(lines.map(({ line }) => line));
});

test('a collector that refuses or is not there breaks the connection', async () => {
  peer = await httpPeer(({ method }) => (method === 'POST' ? { status: 503, body: '{"text":"Server is busy"}' } : {}));
  const sink = await connect();
  await sink.send([message('one')], live);
  await sink.close();
  expect(sink.progress?.().sends).toBe(0);
  await expect(sink.lost).rejects.toThrow('splunk: failed to send event - 503 Service Unavailable - {"text":"Server is busy"}');
  peer.answer = () => ({ status: 404, body: 'what?' });
  await expect(connect()).rejects.toThrow('splunk: failed to verify connection - 404 Not Found - what?');
  await expect(connect({ 'splunk-url': 'http://127.0.0.1:1' })).rejects.toThrow(
    'Options "http://127.0.0.1:1/services/collector/event/1.0": dial tcp 127.0.0.1:1: connect: connection refused',
  );
});

test('a last batch gets little time where nobody waits for it', async () => {
  peer = await httpPeer(({ method }) => (method === 'POST' ? new Promise(() => undefined) : {}));
  const sink = await connect();
  await sink.send([message('one')], live);
  const began = performance.now();
  await sink.close(AbortSignal.abort());
  expect(performance.now() - began).toBeLessThan(4000);
  expect(sink.progress?.().sends).toBe(0);
});

test('authorities, their names and no check', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'gantry-splunk-'));
  try {
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const subject = ['-subj', '/CN=SplunkServerDefaultCert', '-addext', 'subjectAltName=DNS:SplunkServerDefaultCert'];
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', key, '-out', cert, ...subject], {
      stdio: 'ignore',
    });
    peer = await httpPeer(() => ({}), { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') });
    await expect(connect()).rejects.toThrow('self-signed certificate');
    await (await connect({ 'splunk-capath': cert, 'splunk-caname': 'SplunkServerDefaultCert' })).close();
    await (await connect({ 'splunk-insecureskipverify': 'true' })).close();
    await expect(connect({ 'splunk-capath': join(folder, 'none') })).rejects.toThrow(/open .*none: no such file or directory/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test.each<[Record<string, string>, string]>([
  [{}, 'splunk: splunk-url is expected'],
  [{ 'splunk-url': 'h:8088' }, 'splunk: expected format scheme://dns_name_or_ip:port for splunk-url'],
  [{ 'splunk-url': 'https://h:8088/x' }, 'splunk: expected format scheme://dns_name_or_ip:port for splunk-url'],
  [{ 'splunk-url': 'https://h:8088' }, 'splunk: splunk-token is expected'],
  [{ 'splunk-url': 'https://h', 'splunk-token': 't', 'splunk-gzip': 'x' }, 'strconv.ParseBool: parsing "x": invalid syntax'],
  [
    { 'splunk-url': 'https://h', 'splunk-token': 't', 'splunk-gzip-level': '11' },
    "not supported level '11' for splunk-gzip-level (supported values between -1 and 9)",
  ],
  [
    { 'splunk-url': 'https://h', 'splunk-token': 't', 'splunk-format': 'x' },
    'unknown format specified x, supported formats are inline, json and raw',
  ],
])('%j is told at the start', async (options, words) => {
  peer = await httpPeer(() => ({}));
  expect(() => drivers.splunk.files(options)).toThrow(words);
});

test('its pace is the environment’s', async () => {
  peer = await httpPeer(() => ({}));
  expect(splunkPace({})).toEqual({ most: 1000, restMs: 5000 });
  const env = { SPLUNK_LOGGING_DRIVER_POST_MESSAGES_FREQUENCY: '1s', SPLUNK_LOGGING_DRIVER_POST_MESSAGES_BATCH_SIZE: '5' };
  expect(splunkPace(env)).toEqual({ most: 5, restMs: 1000 });
  expect(splunkPace({ SPLUNK_LOGGING_DRIVER_POST_MESSAGES_FREQUENCY: 'soon' })).toEqual({ most: 1000, restMs: 5000 });
});
