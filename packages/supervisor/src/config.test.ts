import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { commonDefaults, overlay } from '@gantry/service';
import { parse } from 'yaml';
import { checkConfig, defaults, logOptions, runtimeTable } from './config';

test('the sample file holds every key with its default', () => {
  const sample: unknown = parse(readFileSync(join(__dirname, '../../../deploy/config/supervisor.yaml'), 'utf8'));
  expect(sample).toEqual(defaults);
});

test('runtimes are added to the built-in ones and may be the default', () => {
  const config = overlay({ ...commonDefaults, ...defaults }, { runtimes: { youki: { path: '/bin/true', args: ['--debug'] } }, 'default-runtime': 'youki' }, 'test');
  checkConfig(config);
  const table = runtimeTable(config);
  expect(Object.keys(table.entries).sort()).toEqual(['crun', 'gantry', 'runc', 'youki']);
  expect(table.createOptions('')).toMatchObject({ driver: 'oci', binary: '/bin/true', binaryArgs: ['--debug'] });
  expect(table.createOptions('gantry')).toMatchObject({ driver: 'native', binary: '' });
  expect(() => table.get('none')).toThrow('unknown or invalid runtime name: none');
  expect(table.optionsForBinary('/bin/true')).toMatchObject({ binaryArgs: ['--debug'] });
  expect(() => table.optionsForBinary('no-such-runtime')).toThrow('runtime binary "no-such-runtime" is not found');
});

test.each([
  [{ 'default-runtime': 'none' }, 'default-runtime "none"'],
  [{ runtimes: { x: 'y' } }, 'runtimes.x must be a map'],
  [{ runtimes: { x: { path: '/y', colour: 1 } } }, 'unknown key "runtimes.x.colour"'],
  [{ runtimes: { x: {} } }, 'runtimes.x.path'],
  [{ 'log-driver': 'syslog' }, 'log-driver "syslog"'],
  [{ 'log-opts': { 'max-size': { a: 1 } } }, 'log-opts.max-size'],
  [{ namespace: 'a b' }, 'namespace "a b"'],
  [{ 'default-stop-timeout': -1 }, 'default-stop-timeout -1'],
  [{ labels: [1] }, 'labels must be a list of strings'],
])('%j is refused', (change, message) => {
  expect(() => checkConfig({ ...defaults, ...change } as typeof defaults)).toThrow(message);
});

test('numbers among log options become words', () => {
  expect(logOptions({ 'log-opts': { 'max-size': '10m', 'max-file': 3 } })).toEqual({ 'max-size': '10m', 'max-file': '3' });
});
