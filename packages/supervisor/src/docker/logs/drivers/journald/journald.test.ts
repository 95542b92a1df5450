import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { datagramPeer, type Peer, until } from '../../testing/peers';
import { message, target } from '../../testing/targets';
import { fieldName } from './fields';
import { journaldAt } from './journald';

const live = new AbortController().signal;
let folder: string;
let peer: Peer;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gantry-journald-'));
  peer = datagramPeer(join(folder, 'socket'));
});
afterEach(async () => {
  await peer.close();
  rmSync(folder, { recursive: true, force: true });
});

test('entries in the native protocol, with a number each', async () => {
  const sink = await journaldAt(join(folder, 'socket')).forwarding?.connect(target('journald'), live);
  await sink?.send([message('one'), message('a\nb', { stream: 'stderr', partial: { id: 'p', ordinal: 1, last: false } })], live);
  await sink?.close();
  await until('both', () => peer.heard.length === 2);
  const [first, second] = peer.heard.map((bytes) => bytes.toString('latin1'));
  const epoch = /CONTAINER_LOG_EPOCH=([0-9a-f]{64})/.exec(first ?? '')?.[1];
  const id = 'c'.repeat(64);
  const common = [
    ...['CONTAINER_ID=cccccccccccc', `CONTAINER_ID_FULL=${id}`, 'CONTAINER_NAME=web', 'CONTAINER_TAG=cccccccccccc', 'IMAGE_NAME=busybox'],
    ...['SYSLOG_IDENTIFIER=cccccccccccc', 'COM_EXAMPLE_APP=shop', `CONTAINER_LOG_EPOCH=${epoch}`],
  ];
  const time = 'SYSLOG_TIMESTAMP=2026-01-02T03:04:05.678901234Z';
  expect(first?.split('\n')).toEqual(['PRIORITY=6', 'MESSAGE=one', ...common, 'CONTAINER_LOG_ORDINAL=1', time, '']);
  const parts = ['CONTAINER_PARTIAL_ID=p', 'CONTAINER_PARTIAL_ORDINAL=1', 'CONTAINER_PARTIAL_LAST=false', 'CONTAINER_PARTIAL_MESSAGE=true'];
  const value = ['MESSAGE', '\x03\0\0\0\0\0\0\0a', 'b'];
  expect(second?.split('\n')).toEqual(['PRIORITY=3', ...value, ...common, 'CONTAINER_LOG_ORDINAL=2', time, ...parts, '']);
});

test('what no datagram holds comes in a file', async () => {
  const sink = await journaldAt(join(folder, 'socket')).forwarding?.connect(target('journald'), live);
  await sink?.send([message('x'.repeat(1_000_000))], live);
  await sink?.close();
  await until('the file', () => peer.heard.length === 2);
  expect(peer.heard[0]).toHaveLength(0);
  expect(peer.heard[1]?.toString()).toContain(`MESSAGE=${'x'.repeat(1_000_000)}\n`);
});

test('names that journald takes, and no journald', async () => {
  expect(['a.b-c', '__x', '9é', 'OK_1'].map(fieldName)).toEqual(['A_B_C', 'X', '9_', 'OK_1']);
  const connecting = journaldAt(join(folder, 'none')).forwarding?.connect(target('journald'), live);
  await expect(connecting).rejects.toThrow('journald is not enabled on this host');
});
