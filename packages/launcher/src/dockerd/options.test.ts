import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readCommandLine } from './command-line';
import { makePlan } from './make-plan';
import { dockerdOptions } from './options';
import { Plan } from './plan';
import type { Value, ValueType } from './values';

/** A value that asks for something, by type; those of single options where the type's will not do. */
const samples: Record<ValueType, Value> = {
  bool: true,
  int: 7,
  string: '/some/where',
  bytes: 1 << 20,
  list: ['one'],
  map: { one: 'two' },
  mapmap: { bridge: { one: 'two' } },
  pools: [{ base: '10.0.0.0/8', size: 24 }],
  ulimits: { nofile: { Name: 'nofile', Soft: 1, Hard: 2 } },
  runtimes: { kata: { path: '/kata', runtimeArgs: ['-x'] } },
  features: { cdi: false },
  object: { one: 'two' },
};
const own: Readonly<Record<string, Value>> = {
  'log-level': 'warn',
  'log-format': 'json',
  labels: ['a=b'],
  dns: ['192.0.2.1'],
  'host-gateway-ip': ['192.0.2.1'],
  'default-gateway': '192.0.2.1',
  'default-gateway-v6': 'fd00::1',
  'exec-opts': ['native.cgroupdriver=systemd'],
  hosts: ['tcp://127.0.0.1:1'],
  'storage-opts': ['overlay2.size=10G'],
  proxies: { 'http-proxy': 'http://p' },
  builder: { gc: { enabled: false } },
  gantry: { 'event-journal': { 'max-events': 7 } },
};
/** Those that are read elsewhere. */
const outside = ['config-file', 'validate', 'version', 'help'];
/** Those of which the sample is what Gantry always does. */
const alwaysSo = ['allow-direct-routing'];

const nameOf = ({ flag, key }: (typeof dockerdOptions)[number]): string => key ?? flag ?? '';
const seen = (plan: Plan): string => JSON.stringify(plan);

describe('every option of dockerd is honoured or refused by name', () => {
  test.each(dockerdOptions.filter((option) => !outside.includes(nameOf(option))).map((option) => [nameOf(option), option] as const))(
    '%s',
    (name, option) => {
      const plan = new Plan();
      const before = seen(plan);
      let refusal = '';
      try {
        option.take(plan, own[name] ?? samples[option.type], `--${name}`);
      } catch (error) {
        refusal = (error as Error).message;
      }
      if (refusal === '') {
        if (!alwaysSo.includes(name)) expect(seen(plan)).not.toBe(before);
      } else {
        expect(refusal).toContain(`--${name}`);
        expect(refusal).toMatch(/not supported by Gantry: .{10}/); // and what to do instead
      }
    },
  );

  test('names are unique', () => {
    for (const names of [
      dockerdOptions.map(({ flag }) => flag),
      dockerdOptions.map(({ key }) => key),
      dockerdOptions.map(({ short }) => short),
    ]) {
      const given = names.filter((name) => name !== undefined);
      expect(given.length).toBe(new Set(given).size);
    }
  });
});

const tables = process.env['DOCKERD_TABLES'] ?? '';
(tables === '' ? test.skip : test)(
  `no flag and no key of dockerd is missing [needs DOCKERD_TABLES, a folder with dockerd-flags.tsv and daemon-json-keys.tsv]`,
  () => {
    const rows = (file: string): string[][] =>
      readFileSync(join(tables, file), 'utf8')
        .trim()
        .split('\n')
        .slice(1)
        .map((line) => line.split('\t'));
    const missing = [
      ...rows('dockerd-flags.tsv')
        .filter(
          ([flag = '', short = '']) =>
            !dockerdOptions.some((option) => `--${option.flag ?? ''}` === flag && (short === '' || `-${option.short ?? ''}` === short)),
        )
        .map(([flag]) => flag),
      ...rows('daemon-json-keys.tsv')
        .filter(([key]) => !dockerdOptions.some((option) => option.key === key))
        .map(([key]) => key),
    ];
    expect(missing).toEqual([]);
  },
);

test.each<[string, object, string[], string[] | undefined]>([
  ['nothing', {}, [], undefined],
  ['the feature', { features: { cdi: true } }, [], undefined],
  ['folders', {}, ['/foo', '/bar'], ['/foo', '/bar']],
  ['an empty name', {}, [''], []],
  ['an empty list', { 'cdi-spec-dirs': [] }, [], []],
  ['no feature', { features: { cdi: false } }, ['/foo'], []],
])('folders of descriptions of devices by %s', (_name, keys, folders, expected) => {
  const flags = readCommandLine(folders.map((folder) => `--cdi-spec-dir=${folder}`));
  const { services } = makePlan({ flags, keys: new Map(Object.entries(keys)) as Map<string, Value>, certificates: '/c' });
  for (const service of [services.supervisor, services.build]) expect(service['cdi-spec-dirs']).toEqual(expected);
});

test.each([
  [{ features: { buildkit: false } }, false],
  [{ features: { buildkit: true } }, true],
  [{}, undefined],
])('clients are told which builder to use: %j', (keys, told) => {
  const { services } = makePlan({ flags: new Map(), keys: new Map(Object.entries(keys)) as Map<string, Value>, certificates: '/c' });
  expect(services.gateway['buildkit']).toBe(told);
});

test('keys of our own are under one of ours, and others there are refused by name', () => {
  const keys = (value: Value) => new Map([['gantry', value]]);
  const plan = makePlan({ flags: new Map(), keys: keys({ 'event-journal': { 'max-size': 4096 } }), certificates: '/c' });
  expect(plan.services.supervisor['event-journal']).toEqual({ 'max-size': 4096 });
  const bound = makePlan({ flags: new Map(), keys: keys({ 'log-bound': { 'max-size': '0' } }), certificates: '/c' });
  expect(bound.services.supervisor['log-bound']).toEqual({ 'max-size': '0' });
  const overlay = { endpoints: ['http://192.0.2.1:2379'] };
  const shared = makePlan({ flags: new Map(), keys: keys({ overlay }), certificates: '/c' });
  expect(shared.services.network['overlay']).toEqual(overlay);
  const sockets = { ci: { host: 'unix:///ci', group: 'ci', 'read-only': true } };
  const split = makePlan({ flags: new Map(), keys: keys({ sockets }), certificates: '/c' });
  expect(split.services.gateway['sockets']).toEqual({ ci: { host: 'unix:///ci', group: 'ci' } });
  expect(split.services.supervisor['socket-scopes']).toEqual({ ci: { 'read-only': true } });
  expect(() => makePlan({ flags: new Map(), keys: keys({ colour: 1 }), certificates: '/c' })).toThrow('"gantry": unknown key "colour"');
});

describe('the command line is read as dockerd reads it', () => {
  const planOf = (...words: string[]) => makePlan({ flags: readCommandLine(words), keys: new Map(), certificates: '/c' });

  test('flags in every form', () => {
    const flags = readCommandLine([
      '-Dl',
      'warn',
      '-H=fd://',
      '-Hunix:///x',
      '--host',
      'tcp://:1',
      '--icc=false',
      '--label=a=b',
      '--log-opt',
      'max-size=1m',
      '--default-ulimit',
      'nofile=1:2',
    ]);
    expect(Object.fromEntries(flags)).toEqual({
      debug: true,
      'log-level': 'warn',
      host: ['fd://', 'unix:///x', 'tcp://:1'],
      icc: false,
      label: ['a=b'],
      'log-opt': { 'max-size': '1m' },
      'default-ulimit': { nofile: { Name: 'nofile', Soft: 1, Hard: 2 } },
    });
  });

  test("Debian's unit: fd://, and a containerd that is ours", () => {
    const plan = planOf('-H', 'fd://', '--containerd=/run/containerd/containerd.sock');
    expect(plan.services.gateway['hosts']).toEqual(['fd://']);
    expect(plan.notes).toEqual([expect.stringContaining("--containerd /run/containerd/containerd.sock: it is Gantry's own supervisor")]);
  });

  test('what a container may write', () => {
    expect(planOf('--storage-opt', 'Overlay2.size = 10G').services.images).toMatchObject({ 'container-size': String(10 * 2 ** 30) });
    expect(() => planOf('--storage-opt', 'size')).toThrow('unable to parse storage-opt key/value: size');
    expect(() => planOf('--storage-opt', 'dm.basesize=10G')).toThrow('overlay2: unknown option dm.basesize');
    expect(() => planOf('--storage-opt', 'overlay2.size=much')).toThrow('invalid size for storage-opt overlay2.size: "much"');
  });

  test("moby's own harness", () => {
    const plan = planOf(
      ...['--data-root', '/d', '--exec-root', '/x', '--pidfile', '/d/docker.pid', '--userland-proxy=true', '--containerd-namespace', 'd1'],
      ...[
        '--containerd-plugins-namespace',
        'd1p',
        '--host',
        'unix:///tmp/d1.sock',
        '--debug',
        '--storage-driver',
        'overlay2',
        '--iptables=false',
      ],
    );
    expect([plan.root, plan.run, plan.pidFile, plan.logLevel]).toEqual(['/d', '/x', '/d/docker.pid', 'debug']);
    expect(plan.services.supervisor).toMatchObject({ namespace: 'd1', 'live-restore': false, root: '/d', run: '/x' });
    expect(plan.services.build).toMatchObject({ namespace: 'd1' }); // what is built and what is run are of one store
    expect(plan.services.network).toMatchObject({ rules: false, relay: true });
  });

  test.each([
    [['-H', 'unix://'], ['unix:///var/run/docker.sock']],
    [[], ['unix:///var/run/docker.sock']],
    [['-H', ''], ['unix:///var/run/docker.sock']],
    [['--tls'], ['tcp://localhost:2376']],
    [['--tlsverify'], ['tcp://localhost:2376']],
    [
      ['--tls', '-H', '', '-H', 'unix://'],
      ['tcp://localhost:2376', 'unix:///var/run/docker.sock'],
    ],
    [
      ['-H', ':5', '-H', '127.0.0.1', '-H', 'tcp://[::1]:7'],
      ['tcp://localhost:5', 'tcp://127.0.0.1:2375', 'tcp://[::1]:7'],
    ],
    [['--tlsverify', '-H', '0.0.0.0'], ['tcp://0.0.0.0:2376']],
  ])('hosts %j', (words, hosts) => expect(planOf(...words).services.gateway['hosts']).toEqual(hosts));

  test.each([
    [['--nope'], 'unknown flag: --nope'],
    [['-Z'], "unknown shorthand flag: 'Z' in -Z"],
    [['word'], 'accepts no arguments'],
    [['--host'], 'flag needs an argument: --host'],
    [['--debug=maybe'], 'invalid argument "maybe" for --debug'],
    [['--mtu', 'x'], 'invalid argument "x" for --mtu'],
    [['--label', 'a=1', '--label', 'a=2'], 'conflict labels for a=2 and a=1'],
    [['--add-runtime', 'runc=/x'], "runtime name 'runc' is reserved"],
  ])('%j is refused', (words, message) => expect(() => planOf(...words)).toThrow(message));
});
