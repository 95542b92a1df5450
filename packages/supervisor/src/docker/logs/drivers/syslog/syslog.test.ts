import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { datagramPeer, type Peer, streamPeer, udpPeer, until } from '../../testing/peers';
import { message, target } from '../../testing/targets';
import { drivers } from '../table';

const { forwarding } = drivers.syslog;
const live = new AbortController().signal;
let folder: string;
let peer: Peer;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'gantry-syslog-'))));
afterEach(async () => {
  await peer.close();
  rmSync(folder, { recursive: true, force: true });
});

async function send(options: Record<string, string>, lines = [message('one'), message('', {}), message('two', { stream: 'stderr' })]) {
  const sink = await forwarding?.connect(target('syslog', options), live);
  await sink?.send(lines, live);
  await sink?.close();
}

const local = (time: string): RegExp => new RegExp(`^<30>${time} cccccccccccc\\[${process.pid}\\]: one\\n<27>`);

test('udp has a datagram a line, in the local form', async () => {
  peer = await udpPeer();
  await send({ 'syslog-address': `udp://127.0.0.1:${peer.port}` });
  await until('two datagrams', () => peer.heard.length === 2);
  expect(peer.text()).toMatch(local('Jan  2 \\d\\d:04:05'));
});

test.each(['rfc3164', 'rfc5424', 'rfc5424micro'])('tcp in the form %s', async (format) => {
  peer = await streamPeer();
  await send({ 'syslog-address': `tcp://127.0.0.1:${peer.port}`, 'syslog-format': format, 'syslog-facility': 'local7' });
  await until('both lines', () => peer.text().endsWith('two\n'));
  const zone = '(?:Z|[+-]\\d\\d:\\d\\d)';
  const heads: Record<string, string> = {
    rfc3164: `Jan  2 \\d\\d:04:05 ${hostname()} cccccccccccc\\[${process.pid}\\]: `,
    rfc5424: `1 2026-01-0\\dT\\d\\d:04:05${zone} ${hostname()} cccccccccccc ${process.pid} cccccccccccc - `,
    rfc5424micro: `1 2026-01-0\\dT\\d\\d:04:05.678901${zone} ${hostname()} cccccccccccc ${process.pid} cccccccccccc - `,
  };
  expect(peer.text()).toMatch(new RegExp(`^<190>${heads[format]}one\n<187>${heads[format]}two\n$`));
});

test('tls, checked by an authority, with counted messages', async () => {
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', key, '-out', cert, ...subject], {
    stdio: 'ignore',
  });
  peer = await streamPeer({ tls: { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') } });
  const options = { 'syslog-address': `tcp+tls://localhost:${peer.port}`, 'syslog-format': 'rfc5424' };
  await expect(send(options)).rejects.toThrow('self-signed certificate');
  await send({ ...options, 'syslog-tls-ca-cert': cert });
  await until('both lines', () => peer.text().endsWith('two\n'));
  const [, count = '', first = ''] = /^(\d+) (<30>1 [^\n]* - one\n)/.exec(peer.text()) ?? [];
  expect(Number(count)).toBe(first.length);
  await send({ ...options, 'syslog-tls-skip-verify': '' }, [message('unchecked')]);
  await until('the unchecked line', () => peer.text().endsWith('unchecked\n'));
});

test('unix streams', async () => {
  peer = await streamPeer({ path: join(folder, 's') });
  await send({ 'syslog-address': `unix://${join(folder, 's')}` });
  await until('both lines', () => peer.text().endsWith('two\n'));
  expect(peer.text()).toMatch(local('Jan  2 \\d\\d:04:05'));
});

test('unix datagrams wait for a reader that has no room', async () => {
  peer = datagramPeer(join(folder, 'd'));
  const many = Array.from({ length: 500 }, (_, index) => message(`line ${index}`));
  await send({ 'syslog-address': `unixgram://${join(folder, 'd')}` }, many);
  await until('all', () => peer.heard.length === 500);
  expect(peer.heard.at(-1)?.toString()).toMatch(/: line 499\n$/);
});

test('nobody there is told as dockerd tells it', async () => {
  peer = await streamPeer();
  const { port } = peer;
  await peer.close();
  peer = await udpPeer();
  await expect(send({ 'syslog-address': `tcp://127.0.0.1:${port}` })).rejects.toThrow(
    `dial tcp 127.0.0.1:${port}: connect: connection refused`,
  );
  await expect(send({ 'syslog-address': `unixgram://${folder}` })).rejects.toThrow(`dial unixgram ${folder}: connect: connection refused`);
});
