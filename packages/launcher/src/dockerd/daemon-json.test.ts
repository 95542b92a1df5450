import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readCommandLine } from './command-line';
import { readDaemonJson } from './daemon-json';
import { refuseForeignRoot } from './data-root';
import { textLog } from './log-text';
import { refuseTwoAddresses } from './make-plan';
import { writePidFile } from './pid-file';
import { readSettings, reloadSettings } from './settings';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'dockerd-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const file = (): string => join(dir, 'daemon.json');
const write = (value: unknown): void => writeFileSync(file(), typeof value === 'string' ? value : JSON.stringify(value));
const flags = (...words: string[]) => readCommandLine(['--config-file', file(), ...words]);

test('keys are read, null and an empty file say nothing', () => {
  write({ debug: true, hosts: ['fd://'], 'default-shm-size': '64M', dns: null, 'host-gateway-ip': '192.0.2.7' });
  expect(Object.fromEntries(readDaemonJson(flags()).keys)).toEqual({
    debug: true,
    hosts: ['fd://'],
    'default-shm-size': 64 << 20,
    'host-gateway-ip': ['192.0.2.7'],
  });
  write('\uFEFF \n');
  expect(readDaemonJson(flags()).keys.size).toBe(0);
});

test.each([
  [{ nope: 1, neither: 2 }, "the following directives don't match any configuration option: nope, neither"],
  [{ debug: 'yes' }, 'invalid value for "debug": it must be true or false'],
  [{ labels: [1] }, 'invalid value for "labels"'],
  ['{', 'JSON'],
  [
    { mtu: 1400 },
    'the following directives are specified both as a flag and in the configuration file: mtu: (from flag: 1500, from file: 1400)',
  ],
  [
    { proxies: { 'http-proxy': 'http://me:secret@proxy' } },
    'http-proxy: (from flag: http://xxxxx:xxxxx@other, from file: http://xxxxx:xxxxx@proxy)',
  ],
  [{ 'insecure-registries': ['a'] }, 'insecure-registries: (from flag: [b c], from file: [a])'],
])('%j is refused, and the file is named', (value, message) => {
  write(value);
  const read = (): unknown =>
    readDaemonJson(
      flags('--http-proxy', 'http://you:hidden@other', '--mtu', '1500', '--insecure-registry', 'b', '--insecure-registry', 'c'),
    );
  expect(read).toThrow(`unable to configure the Docker daemon with file ${file()}`);
  expect(read).toThrow(message);
});

test('a file that was named must be there', () => {
  expect(() => readDaemonJson(flags())).toThrow(`unable to configure the Docker daemon with file ${file()}`);
});

test('every service takes what comes out, or refuses it', () => {
  write({ 'log-driver': 'awslogs' });
  expect(() => readSettings(flags())).toThrow("must specify a value for log opt 'awslogs-group'");
  write({
    bip: '10.9.8.1/24',
    'fixed-cidr': '10.9.8.128/25',
    'default-ulimits': { nofile: { Name: 'nofile', Soft: 1, Hard: 2 } },
    runtimes: { k: { path: '/k', runtimeArgs: ['a'] } },
  });
  const { services } = readSettings(flags()).plan;
  expect(services.network).toMatchObject({ bridge: { subnet: '10.9.8.1/24', range: '10.9.8.128/25' } });
  expect(services.supervisor).toMatchObject({ runtimes: { k: { path: '/k', args: ['a'] } } });
  write({ 'fixed-cidr': '10.9.8.0/25' });
  expect(readSettings(flags()).plan.services.network).toMatchObject({ bridge: { subnet: '', range: '10.9.8.0/25' } });
  write({
    ipv6: true,
    bip6: 'fd00:cc::5/64',
    'fixed-cidr-v6': 'fd00:cc::1:0/112',
    'default-address-pools': [{ base: 'fd00:dd::/56', size: 64 }],
  });
  expect(readSettings(flags()).plan.services.network).toMatchObject({
    bridge: { ipv6: true, 'subnet-v6': 'fd00:cc::5/64', 'range-v6': 'fd00:cc::1:0/112' },
    'default-address-pools': [{ base: 'fd00:dd::/56', size: 64 }],
  });
  write({ ipv6: true, 'fixed-cidr-v6': 'fd00:cc::/64' });
  expect(readSettings(flags()).plan.services.network).toMatchObject({ bridge: { 'subnet-v6': '', 'range-v6': 'fd00:cc::/64' } });
  write({ bip: '10.9.8.1/24', 'default-gateway': '10.9.8.9', ipv6: true, bip6: 'fd00:cc::5/64', 'default-gateway-v6': 'fd00:cc::9' });
  expect(readSettings(flags()).plan.services.network).toMatchObject({ bridge: { gateway: '10.9.8.9', 'gateway-v6': 'fd00:cc::9' } });
  write({ bip: '10.9.8.1/24', 'default-gateway': '10.9.9.9' });
  expect(() => readSettings(flags())).toThrow('bridge.gateway "10.9.9.9" is no address of bridge.subnet "10.9.8.1/24"');
  write({ 'default-gateway-v6': '10.9.8.9' });
  expect(() => readSettings(flags())).toThrow('"default-gateway-v6" "10.9.8.9" is no IPv6 address');
  write({ ipv6: true, 'fixed-cidr-v6': '10.9.9.0/25' });
  expect(() => readSettings(flags())).toThrow('bridge.range-v6 "10.9.9.0/25" is no');
  write({ bridge: 'br0', 'fixed-cidr': '10.9.9.0/25' });
  expect(readSettings(flags()).plan.services.network).toMatchObject({
    bridge: { name: 'br0', foreign: true, shared: '', subnet: '', range: '10.9.9.0/25' },
  });
  for (const [key, value] of [
    ['bip', '10.9.8.1/24'],
    ['bip6', 'fd00::1/64'],
  ] as const) {
    write({ bridge: 'br0', [key]: value });
    const { plan } = readSettings(flags());
    expect(() => refuseTwoAddresses(plan)).toThrow(`You specified -b & --${key}, mutually exclusive options`);
  }
  write({ bip: '10.9.8.1/24', 'fixed-cidr': '10.9.9.0/25' });
  expect(() => readSettings(flags())).toThrow('10.9.9.0/25');
});

test('a reload takes over what can change, keeps the rest, and forgets a number that the file says no more', () => {
  write({ debug: true, labels: ['a=1'], 'max-concurrent-downloads': 9, mtu: 1400 });
  const before = readSettings(flags());
  write({
    labels: ['b=2'],
    mtu: 1300,
    'live-restore': true,
    'default-shm-size': '96M',
    'default-ipc-mode': 'shareable',
    'default-cgroupns-mode': 'host',
  });
  const { plan } = reloadSettings(before);
  expect(plan.services.supervisor).toMatchObject({ labels: ['b=2'], 'live-restore': true, 'log-level': 'debug' });
  const ofContainers = { 'default-shm-size': 96 << 20, 'default-ipc-mode': 'shareable', 'default-cgroupns-mode': 'host' };
  expect(plan.services.supervisor).toMatchObject(ofContainers);
  expect(plan.services.network).toMatchObject({ bridge: { mtu: 1400 } });
  expect(plan.services.images['max-concurrent-downloads']).toBeUndefined();
  write({ debug: 'x' });
  expect(() => reloadSettings(before)).toThrow('invalid value for "debug"');
});

test.each(['image/overlay2', 'buildkit', 'network/files', 'containers'])(
  "a dockerd's data root is refused by %s and left alone",
  (mark) => {
    mkdirSync(join(dir, mark), { recursive: true });
    const before = readdirSync(dir, { recursive: true });
    expect(() => refuseForeignRoot(dir)).toThrow(`the data root ${dir} was written by dockerd`);
    expect(readdirSync(dir, { recursive: true })).toEqual(before);
  },
);

test('our own data root is taken', () => {
  for (const name of ['images', 'network', 'supervisor/containers', 'shim', 'volumes']) mkdirSync(join(dir, name), { recursive: true });
  expect(() => refuseForeignRoot(dir)).not.toThrow();
});

test("a pid file keeps a second one out, a dead one's is replaced", () => {
  const path = join(dir, 'docker.pid');
  writeFileSync(path, '1');
  expect(() => writePidFile(path)).toThrow(`ensure docker is not running or delete ${path}: process with PID 1 is still running`);
  writeFileSync(path, '4194305');
  const remove = writePidFile(path);
  expect(readdirSync(dir)).toContain('docker.pid');
  remove();
  expect(readdirSync(dir)).not.toContain('docker.pid');
});

test.each([
  [false, 'time="2026-01-02T03:04:05Z" level=warning msg="it failed" service=images n=3 error="no \\"such\\""\n'],
  [
    true,
    `\x1b[33mWARN\x1b[0m[2026-01-02T03:04:05Z] ${'it failed'.padEnd(44)}  \x1b[33mservice\x1b[0m=images \x1b[33mn\x1b[0m=3 \x1b[33merror\x1b[0m="no \\"such\\""\n`,
  ],
])("log lines look as dockerd's, with colours: %s", (colours, line) => {
  const lines: string[] = [];
  textLog((text) => lines.push(text), colours).write(
    JSON.stringify({
      level: 'warn',
      time: '2026-01-02T03:04:05Z',
      service: 'images',
      version: '1',
      err: { message: 'no "such"' },
      n: 3,
      msg: 'it failed',
    }),
  );
  expect(lines).toEqual([line]);
});
