import { Readable } from 'node:stream';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Database } from '../../core/records';
import { type Context, rootfsOf } from './archive';
import { readConfig } from './config';
import { pluginFilter } from './handlers';
import { checkPrivileges, privilegesOf } from './privileges';
import { initialSettings, type PluginRecord, shown } from './record';
import { openPluginRecords } from './records';
import { withSettings } from './settings';
import { pluginSpec } from './spec';

const config = readConfig(
  JSON.stringify({
    description: 'keeps',
    entrypoint: ['/keeper'],
    args: { name: 'words', settable: ['value'], value: ['one'] },
    env: [
      { name: 'COLOR', settable: ['value'], value: 'red' },
      { name: 'NONE', settable: ['value'], value: null },
      { name: 'FIXED', value: '1' },
    ],
    interface: { socket: 'keeper.sock', types: ['docker.volumedriver/1.0'] },
    linux: { capabilities: ['CAP_SYS_ADMIN'], devices: [{ name: 'fuse', path: '/dev/fuse', settable: ['path'] }] },
    mounts: [{ name: 'state', source: '/srv', destination: '/state', type: 'bind', options: ['rbind'], settable: ['source', 'options'] }],
    network: { type: 'host' },
    propagatedMount: '/data',
  }),
);
const plugin = (change: Partial<PluginRecord> = {}): PluginRecord => ({
  id: 'a'.repeat(64),
  name: 'keeper:latest',
  reference: 'keeper:latest',
  enabled: false,
  config,
  settings: initialSettings(config),
  manifest: '',
  image: 'docker.io/library/keeper:latest',
  rootfs: '/trees/1/fs',
  rootfsKey: 'a',
  snapshotter: 'overlayfs',
  timeout: 0,
  ...change,
});

test('a configuration is read in any case, and shown as docker shows it', () => {
  const { Config, Settings, ...rest } = JSON.parse(JSON.stringify(shown(plugin()))) as Record<string, Record<string, unknown>>;
  expect(rest).toEqual({ Enabled: false, Id: 'a'.repeat(64), Name: 'keeper:latest', PluginReference: 'keeper:latest' });
  expect(Object.keys(Config ?? {})).toEqual(
    `Args Description Documentation Entrypoint Env Interface IpcHost Linux Mounts Network PidHost PropagatedMount User WorkDir`.split(' '),
  );
  expect(Config?.['Env']).toContainEqual({ Description: '', Name: 'FIXED', Settable: null, Value: '1' });
  expect(Settings).toMatchObject({ Args: ['one'], Env: ['COLOR=red', 'FIXED=1'] });
  expect(readConfig('{}').Env).toBeNull();
});

test.each([
  ['{', 'failed to parse config'],
  ['{"entrypoint": "sh"}', 'failed to parse config: json: cannot unmarshal string into Go struct field Entrypoint of type slice'],
  ['{"interface": {"types": ["a/b/c/"]}}', undefined],
])('%s is a configuration or says why not', (text, failure) => {
  if (failure === undefined) expect(() => readConfig(text)).not.toThrow();
  else expect(() => readConfig(text)).toThrow(failure);
});

test('what it wants of the host is agreed to exactly', () => {
  const wanted = privilegesOf(config);
  expect(wanted.map(({ name, value }) => [name, value])).toEqual([
    ['network', ['host']],
    ['mount', ['/srv']],
    ['device', ['/dev/fuse']],
    ['capabilities', ['CAP_SYS_ADMIN']],
  ]);
  expect(() => checkPrivileges(config, [...wanted].reverse())).not.toThrow();
  for (const agreed of [[], wanted.slice(1), [...wanted.slice(1), { ...wanted[0], value: ['bridge'] }] as typeof wanted])
    expect(() => checkPrivileges(config, agreed)).toThrow('incorrect privileges');
});

test('set changes what may be set, and nothing where one of the words is wrong', () => {
  const set = withSettings(plugin(), ['COLOR=blue', 'NONE=some', 'state.source=/far', 'fuse=/dev/null', 'words=a b']);
  expect(set.settings).toMatchObject({ Env: ['COLOR=blue', 'FIXED=1', 'NONE=some'], Args: ['a', 'b'] });
  expect([set.config.Mounts?.[0]?.Source, set.settings.Mounts[0]?.Source]).toEqual(['/far', '/far']);
  expect(set.settings.Devices[0]?.Path).toBe('/dev/null');
  for (const [word, failure] of [
    ['FIXED=2', '"FIXED" is not settable'],
    ['state=/x', 'multiple fields are settable, one must be specified'],
    ['state.options=ro', '"state.options" is not settable'],
    ['other=1', 'setting "other" not found in the plugin configuration'],
    ['=1', 'invalid format, must be <name>[.<field>][=<value>]'],
  ] as const)
    expect(() => withSettings(plugin(), [word])).toThrow(failure);
  expect(() => withSettings(plugin({ enabled: true }), ['COLOR=x'])).toThrow('cannot set on an active plugin');
});

test('its process has what its configuration says', () => {
  const spec = pluginSpec(plugin(), {
    sockets: '/run/g/plugins/aaa',
    propagated: '/data/propagated',
    cgroupParent: '',
    devices: [{ path: '/dev/fuse', type: 'c', major: 10, minor: 229 }],
  });
  expect(spec.process).toMatchObject({ args: ['/keeper', 'one'], cwd: '/' });
  expect(spec.process?.env).toContain('COLOR=red');
  expect(spec.process?.capabilities?.effective).toContain('CAP_SYS_ADMIN');
  expect(spec.linux?.namespaces?.map(({ type }) => type)).toEqual(['mount', 'uts', 'pid', 'ipc']);
  expect(spec.linux?.rootfsPropagation).toBe('rshared');
  expect(spec.linux?.resources?.devices).toContainEqual({ allow: true, type: 'c', major: 10, minor: 229, access: 'rwm' });
  expect(spec.mounts).toEqual(
    expect.arrayContaining([
      { destination: '/data', type: 'bind', source: '/data/propagated', options: ['rbind', 'rw', 'rshared'] },
      { destination: '/run/docker/plugins', type: 'bind', source: '/run/g/plugins/aaa', options: ['rbind', 'rshared'] },
      { destination: '/state', type: 'bind', source: '/srv', options: ['rbind'] },
      { destination: '/etc/hosts', type: 'bind', source: '/etc/hosts', options: ['rbind', 'ro'] },
    ]),
  );
});

test('filters, as dockerd reads them', () => {
  const suits = (filters: Record<string, string[]>): boolean =>
    pluginFilter(Object.fromEntries(Object.entries(filters).map(([key, values]) => [key, { values }])))(plugin());
  expect([{}, { enabled: ['false'] }, { enabled: ['1'] }, { capability: ['volumedriver'] }, { capability: ['authz'] }].map(suits)).toEqual([
    true,
    true,
    false,
    true,
    false,
  ]);
  expect(() => suits({ enabled: ['y'] })).toThrow("invalid filter 'enabled=[y]'");
  expect(() => suits({ x: ['y'] })).toThrow("invalid filter 'x'");
});

describe('an archive', () => {
  let folder: string;
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'plugin-'))));
  afterEach(() => rmSync(folder, { recursive: true }));
  const long = `${'d'.repeat(90)}/${'f'.repeat(95)}`;

  async function split(bytes: Buffer): Promise<{ context: Context; files: string }> {
    const context: Context = {};
    const parts: Buffer[] = [];
    for await (const part of rootfsOf(Readable.from([bytes]), context)) parts.push(part);
    return { context, files: execFileSync('tar', ['-tvf', '-'], { input: Buffer.concat(parts) }).toString() };
  }

  test.each(['pax', 'gnu', 'ustar', 'packed'])('of a folder is split into configuration and root file system: %s', async (format) => {
    mkdirSync(join(folder, 'rootfs', long, '..'), { recursive: true });
    writeFileSync(join(folder, 'config.json'), '{"description":"x"}');
    writeFileSync(join(folder, 'rootfs', long), 'long');
    writeFileSync(join(folder, 'rootfs', 'a'), 'x'.repeat(700));
    symlinkSync('/a', join(folder, 'rootfs', 'link'));
    execFileSync('ln', [join(folder, 'rootfs', 'a'), join(folder, 'rootfs', 'b')]);
    writeFileSync(join(folder, 'beside'), 'not wanted');
    const named = ['pax', 'gnu', 'ustar'].includes(format) ? format : 'pax';
    const archive = execFileSync('tar', ['-C', folder, `--format=${named}`, '-c', 'beside', 'config.json', 'rootfs']);
    const { context, files } = await split(format === 'packed' ? gzipSync(archive) : archive);
    expect(context.config?.toString()).toBe('{"description":"x"}');
    expect(files).toContain(` ${long}\n`);
    expect(files).toMatch(/ (a link to b|b link to a)\n/);
    expect(files).toContain(' link -> /a\n');
    expect(files).not.toMatch(/beside|config\.json|rootfs/);
  });

  test('without a root file system is refused', async () => {
    writeFileSync(join(folder, 'config.json'), '{}');
    await expect(split(execFileSync('tar', ['-C', folder, '-c', 'config.json']))).rejects.toThrow('no rootfs found');
    await expect(split(Buffer.alloc(1024, '1'))).rejects.toThrow('not a tar archive');
  });
});

test('records are found by name, with and without tag, by id and its beginning', () => {
  const folder = mkdtempSync(join(tmpdir(), 'plugin-'));
  const db = new Database(join(folder, 'state.db'));
  try {
    const records = openPluginRecords(db);
    records.insert(plugin());
    records.insert(plugin({ id: `ab${'c'.repeat(62)}`, name: 'a/other:1' }));
    for (const ref of ['keeper', 'keeper:latest', 'docker.io/library/keeper', 'a'.repeat(64), 'aaa'])
      expect(records.require(ref).name).toBe('keeper:latest');
    expect(records.require('a/other:1').id).toMatch(/^ab/);
    expect(() => records.require('a')).toThrow('multiple plugins found for "a"');
    for (const ref of ['none', 'keeper:2', '', 'A b', 'b'.repeat(64)])
      expect(() => records.require(ref)).toThrow(`plugin "${ref}" not found`);
    expect(() => records.insert(plugin({ id: 'd'.repeat(64) }))).toThrow('plugin keeper:latest already exists');
    expect(records.change('a'.repeat(64), (record) => ({ ...record, enabled: true })).enabled).toBe(true);
    records.remove('a'.repeat(64));
    expect(records.list().map(({ name }) => name)).toEqual(['a/other:1']);
  } finally {
    db.close();
    rmSync(folder, { recursive: true });
  }
});
