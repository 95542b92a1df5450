import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeMulti, encode, type ExtData } from '@msgpack/msgpack';
import { type Peer, streamPeer, until } from '../../testing/peers';
import { message, target } from '../../testing/targets';
import { drivers } from '../table';

const { forwarding } = drivers.fluentd;
const live = new AbortController().signal;
let peer: Peer;
let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'gantry-fluentd-'))));
afterEach(async () => {
  await peer.close();
  rmSync(folder, { recursive: true, force: true });
});

type Entry = [string, number | ExtData, Record<string, string>, { chunk?: string }];
const entries = (bytes: Buffer): Entry[] => [...decodeMulti(bytes)] as Entry[];
const heard = (): Entry[] => entries(Buffer.concat(peer.heard));

test('forwards over tcp, with seconds', async () => {
  peer = await streamPeer();
  const sink = await forwarding?.connect(target('fluentd', { 'fluentd-address': `127.0.0.1:${peer.port}` }), live);
  await sink?.send([message('one'), message('', { stream: 'stderr', partial: { id: 'p', ordinal: 2, last: true } })], live);
  await sink?.close();
  await until('both', () => heard().length === 2);
  const common = { container_id: 'c'.repeat(64), container_name: '/web', 'com.example.app': 'shop' };
  expect(heard()).toEqual([
    ['cccccccccccc', 1_767_323_045, { ...common, source: 'stdout', log: 'one' }, {}],
    [
      'cccccccccccc',
      1_767_323_045,
      { ...common, source: 'stderr', log: '', partial_message: 'true', partial_id: 'p', partial_ordinal: '2', partial_last: 'true' },
      {},
    ],
  ]);
});

test('forwards over a unix socket with nanoseconds, and waits for what is confirmed', async () => {
  const path = join(folder, 's');
  let answering = false;
  peer = await streamPeer({
    path,
    answer: (socket, bytes) => {
      if (answering) for (const [, , , { chunk }] of entries(bytes)) socket.write(encode({ ack: chunk }));
    },
  });
  const options = { 'fluentd-address': `unix://${path}`, 'fluentd-request-ack': 'true', 'fluentd-sub-second-precision': 'true' };
  expect(forwarding?.doubtMs(options)).toBe(0);
  const unheard = await forwarding?.connect(target('fluentd', options), live);
  let taken = false;
  const sending = unheard?.send([message('one')], live).then(() => (taken = true));
  sending?.catch(() => undefined);
  await until('the line', () => heard().length === 1);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(taken).toBe(false);
  await unheard?.close();
  answering = true;
  const sink = await forwarding?.connect(target('fluentd', options), live);
  await sink?.send([message('one'), message('two')], live);
  await sink?.close();
  const time = heard()[0]?.[1] as ExtData;
  const data = Buffer.from(time.data as Uint8Array);
  expect([time.type, data.readUInt32BE(0), data.readUInt32BE(4)]).toEqual([0, 1_767_323_045, 678_901_234]);
});

test('tls is checked by the host’s authorities', async () => {
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', key, '-out', cert, '-subj', '/CN=x'], {
    stdio: 'ignore',
  });
  peer = await streamPeer({ tls: { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') } });
  const connecting = forwarding?.connect(target('fluentd', { 'fluentd-address': `tls://127.0.0.1:${peer.port}` }), live);
  await expect(connecting).rejects.toThrow('self-signed certificate');
});

test('options', async () => {
  peer = await streamPeer();
  const patience = forwarding?.patience({ 'fluentd-max-retries': '3', 'fluentd-retry-wait': '200ms' });
  expect(patience).toEqual({ waitMs: 200, longestMs: 60_000, tries: 3 });
  const async = { 'fluentd-async': 'true', 'fluentd-buffer-limit': '2k', 'fluentd-async-reconnect-interval': '100ms' };
  expect([forwarding?.dialsAtStart({}), forwarding?.dialsAtStart(async)]).toEqual([true, false]);
  expect([forwarding?.buffer?.({}), forwarding?.buffer?.(async)]).toEqual([undefined, 2048]);
  const sink = await forwarding?.connect(target('fluentd', { ...async, 'fluentd-address': `127.0.0.1:${peer.port}` }), live);
  expect(sink?.expired?.()).toBe(false);
  await new Promise((resolve) => setTimeout(resolve, 120));
  expect(sink?.expired?.()).toBe(true);
  await sink?.close();
});
