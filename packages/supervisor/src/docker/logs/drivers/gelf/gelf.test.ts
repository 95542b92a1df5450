import { hostname } from 'node:os';
import { gunzipSync, inflateSync } from 'node:zlib';
import { type Peer, streamPeer, udpPeer, until } from '../../testing/peers';
import { message, target } from '../../testing/targets';
import { drivers } from '../table';

const { forwarding } = drivers.gelf;
const live = new AbortController().signal;
let peer: Peer;
afterEach(() => peer.close());

async function send(options: Record<string, string>, line = 'one'): Promise<number | undefined> {
  const sink = await forwarding?.connect(target('gelf', options), live);
  const refused = await sink?.send([message(line), message(''), message('two', { stream: 'stderr' })], live);
  await sink?.close();
  return refused;
}

const one = {
  version: '1.1',
  host: hostname(),
  short_message: 'one',
  timestamp: 1_767_323_045.678,
  level: 6,
  _container_id: 'c'.repeat(64),
  _container_name: 'web',
  _image_id: `sha256:${'a'.repeat(64)}`,
  _image_name: 'busybox',
  _command: 'sh -c true',
  _tag: 'cccccccccccc',
  _created: '2026-01-02T03:04:05.678901234Z',
  '_com.example.app': 'shop',
};

test.each<[string, (bytes: Buffer) => Buffer]>([
  ['', gunzipSync],
  ['gzip', gunzipSync],
  ['zlib', inflateSync],
  ['none', (bytes) => bytes],
])('udp, compressed by %s', async (type, unpack) => {
  peer = await udpPeer();
  await send({ 'gelf-address': `udp://127.0.0.1:${peer.port}`, ...(type === '' ? {} : { 'gelf-compression-type': type }) });
  await until('both', () => peer.heard.length === 2);
  expect(peer.heard.map((bytes) => JSON.parse(unpack(bytes).toString()) as unknown)).toEqual([
    one,
    { ...one, short_message: 'two', level: 3 },
  ]);
});

test('udp in chunks, and what no number of them holds', async () => {
  peer = await udpPeer();
  const long = 'x'.repeat(16_000);
  const options = { 'gelf-address': `udp://127.0.0.1:${peer.port}`, 'gelf-compression-type': 'none' };
  expect(await send(options, long)).toBe(0);
  await until('all chunks and the other line', () => peer.heard.length === 13);
  const parts = peer.heard.slice(0, 12).sort((a, b) => (a[10] ?? 0) - (b[10] ?? 0));
  expect(
    parts.every((part, index) => part.readUInt16BE(0) === 0x1e0f && part[10] === index && part[11] === 12 && part.length <= 1420),
  ).toBe(true);
  expect(new Set(parts.map((part) => part.toString('hex', 2, 10))).size).toBe(1);
  expect(JSON.parse(Buffer.concat(parts.map((part) => part.subarray(12))).toString())).toMatchObject({ short_message: long });
  expect(await send(options, 'x'.repeat(200_000))).toBe(1);
});

test('tcp ends each message with a zero', async () => {
  peer = await streamPeer();
  await send({ 'gelf-address': `tcp://127.0.0.1:${peer.port}` });
  await until('both', () => peer.text().split('\0').length === 3);
  expect(
    peer
      .text()
      .split('\0')
      .slice(0, 2)
      .map((text) => (JSON.parse(text) as { short_message: string }).short_message),
  ).toEqual(['one', 'two']);
});

test('tries and delays, and nobody there', async () => {
  peer = await udpPeer();
  expect(forwarding?.patience({})).toEqual({ waitMs: 1000, longestMs: 10_000, tries: Infinity });
  expect(forwarding?.patience({ 'gelf-tcp-max-reconnect': '2', 'gelf-tcp-reconnect-delay': '3' })).toEqual({
    waitMs: 3000,
    longestMs: 3000,
    tries: 2,
  });
  await expect(send({ 'gelf-address': 'tcp://127.0.0.1:1' })).rejects.toThrow(
    'gelf: cannot connect to GELF endpoint: 127.0.0.1:1 dial tcp 127.0.0.1:1: connect: connection refused',
  );
});
