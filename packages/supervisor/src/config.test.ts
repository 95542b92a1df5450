import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { unpackAny } from '@gantry/api';
import { Options } from '@gantry/api/runtimeoptions/v1/options';
import { commonDefaults, overlay } from '@gantry/service';
import { parse } from 'yaml';
import { RuntimeTable } from './core/runtimes';
import { checkConfig, checkDefaultLog, defaults, logOptions, runtimeTable } from './config';

test('the sample file holds every key with its default', () => {
  const sample: unknown = parse(readFileSync(join(__dirname, '../../../deploy/config/supervisor.yaml'), 'utf8'));
  expect(sample).toEqual(defaults);
});

test('a runtime whose program is not there is refused in the words of docker', () => {
  const runtimes = new RuntimeTable(
    { vm: { driver: 'oci', path: '/nowhere/vm', args: [] }, shut: { driver: 'oci', path: '/etc/passwd', args: [] } },
    'vm',
  );
  expect(() => runtimes.createOptions('vm')).toThrow('fork/exec /nowhere/vm: no such file or directory');
  expect(() => runtimes.createOptions('shut')).toThrow('fork/exec /etc/passwd: permission denied');
});

test('runtimes are added to the built-in ones and may be the default', () => {
  const config = overlay(
    { ...commonDefaults, ...defaults },
    { runtimes: { youki: { path: '/bin/true', args: ['--debug'] } }, 'default-runtime': 'youki' },
    'test',
  );
  checkConfig(config);
  const table = runtimeTable(config);
  expect(Object.keys(table.entries).sort()).toEqual(['crun', 'gantry', 'runc', 'runc-binary', 'youki']);
  expect(table.createOptions('')).toMatchObject({ driver: 'oci', binary: '/bin/true', binaryArgs: ['--debug'] });
  for (const ours of ['gantry', 'runc']) expect(table.createOptions(ours)).toMatchObject({ driver: 'native', binary: '' });
  expect(runtimeTable(defaults).defaultName).toBe('runc');
  const shims = runtimeTable({ runtimes: {}, 'default-runtime': 'io.containerd.other.v2' }); // a shim by containerd's name, as dockerd takes it
  expect(shims.get('')).toMatchObject({ driver: 'containerd-shim', path: 'containerd-shim-other-v2' });
  expect(() => table.get('none')).toThrow('unknown or invalid runtime name: none');
  expect(table.optionsForBinary('/bin/true')).toMatchObject({ binaryArgs: ['--debug'] });
  expect(() => table.optionsForBinary('no-such-runtime')).toThrow('exec: "no-such-runtime": executable file not found');
});

test('shims are named as dockerd names them, Task servers by socket or command', () => {
  const table = runtimeTable({
    ...defaults,
    runtimes: {
      shimmed: { runtimeType: '/bin/true', options: { TypeUrl: 'x.y', ConfigPath: '/etc/x' } },
      served: { 'task-service': 'unix:///run/x.sock' },
      started: { 'task-service': ['/usr/bin/serve', '--fast'] },
      dockerds: { path: '/bin/true', runtimeArgs: ['--debug'] },
    },
  });
  const { runtimeOptions, ...shimmed } = table.createOptions('shimmed');
  expect(shimmed).toMatchObject({ driver: 'containerd-shim', binary: '/bin/true' });
  expect(unpackAny(runtimeOptions, Options)).toMatchObject({ typeUrl: 'x.y', configPath: '/etc/x' });
  expect(table.createOptions('served')).toMatchObject({ driver: 'task-service', taskService: '/run/x.sock', taskServiceCommand: [] });
  expect(table.createOptions('started')).toMatchObject({
    driver: 'task-service',
    taskService: '',
    taskServiceCommand: ['/usr/bin/serve', '--fast'],
  });
  expect(table.createOptions('dockerds')).toMatchObject({ driver: 'oci', binary: '/bin/true', binaryArgs: ['--debug'] });
  expect(table.get('io.containerd.kata.v2')).toMatchObject({ driver: 'containerd-shim', path: 'containerd-shim-kata-v2' });
  expect(table.get('/opt/shim')).toMatchObject({ driver: 'containerd-shim', path: '/opt/shim' });
  expect(() => table.get('dotted.name')).toThrow('unknown or invalid runtime name');
});

test.each([
  [{ 'default-runtime': 'none' }, 'default-runtime "none"'],
  [{ 'socket-scopes': { ci: { verbs: ['containers.fly'] } } }, 'socket-scopes.ci.verbs: "containers.fly" is no verb'],
  [{ 'socket-scopes': { ci: { labels: ['team'] } } }, 'socket-scopes.ci.labels: "team" is not key=value'],
  [{ 'socket-scopes': { ci: { colour: 1 } } }, 'socket-scopes.ci: unknown key "colour"'],
  [{ 'log-bound': { 'max-size': 'x' } }, "log-bound.max-size: invalid size: 'x'"],
  [{ 'log-bound': { 'max-file': 0 } }, 'log-bound.max-file 0 is not a whole number of one or more'],
  [{ 'event-journal': { 'max-events': 0 } }, 'event-journal.max-events 0 is not a whole number'],
  [{ 'event-journal': { 'max-size': 1.5 } }, 'event-journal.max-size 1.5 is not a whole number'],
  [{ runtimes: { x: 'y' } }, 'runtimes.x must be a map'],
  [{ runtimes: { x: { path: '/y', colour: 1 } } }, 'unknown key "runtimes.x.colour"'],
  [{ runtimes: { x: {} } }, 'runtimes.x.path'],
  [{ runtimes: { x: { runtimeType: 'runc' } } }, 'runtimes.x.runtimeType "runc"'],
  [{ runtimes: { x: { runtimeType: 'io.containerd.runc.v2', options: { Colour: 'red' } } } }, 'unknown key "runtimes.x.options.Colour"'],
  [
    { runtimes: { x: { runtimeType: 'io.containerd.runc.v2', options: { SystemdCgroup: 'yes' } } } },
    'runtimes.x.options.SystemdCgroup must be a boolean',
  ],
  [{ runtimes: { x: { runtimeType: 'io.containerd.runc.v2', path: '/y' } } }, 'unknown key "runtimes.x.path"'],
  [{ runtimes: { x: { 'task-service': 'relative' } } }, 'runtimes.x.task-service'],
  [{ runtimes: { x: { 'task-service': ['serve'] } } }, 'runtimes.x.task-service must begin'],
  [{ runtimes: { x: { path: '/y', args: [], runtimeArgs: [] } } }, 'give one'],
  [{ 'log-driver': 'syslog', 'log-opts': { a: 1 } }, "failed to set log opts: unknown log opt 'a' for syslog log driver"],
  [{ 'log-opts': { 'max-size': { a: 1 } } }, 'log-opts.max-size'],
  [{ 'default-ipc-mode': 'host' }, 'default IPC mode setting (host) is not supported; use "shareable" or "private"'],
  [{ 'default-ipc-mode': 'shared' }, 'default IPC mode setting (shared) is invalid'],
  [{ 'default-cgroupns-mode': 'x' }, 'default cgroup namespace mode (x) is invalid; use "host" or "private"'],
  [{ namespace: 'a b' }, 'namespace "a b"'],
  [{ 'default-stop-timeout': -1 }, 'default-stop-timeout -1'],
  [{ labels: [1] }, 'labels must be a list of strings'],
])('%j is refused', (change, message) => {
  expect(() => checkConfig({ ...defaults, ...change } as typeof defaults)).toThrow(message);
});

test('a default log driver is there when the engine starts: a plugin, or one of its own', () => {
  const check = (driver: string) => () => checkDefaultLog({ ...defaults, 'log-driver': driver }, (name) => name === 'keeper');
  expect(check('keeper')).not.toThrow();
  expect(check('local')).not.toThrow();
  expect(check('nope')).toThrow('failed to set log opts: error looking up logging plugin nope: plugin "nope" not found');
});

test('numbers among log options become words', () => {
  expect(logOptions({ 'log-opts': { 'max-size': '10m', 'max-file': 3 } })).toEqual({ 'max-size': '10m', 'max-file': '3' });
});
