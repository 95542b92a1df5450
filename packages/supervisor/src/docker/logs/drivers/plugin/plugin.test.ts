import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Plugins } from '@gantry/service/plugins';
import { until } from '../../testing/peers';
import { LogPlugin } from '../../testing/log-plugin';
import { message, target } from '../../testing/targets';
import type { LogSurroundings, LogTarget } from '../driver';
import { driverOf } from '../table';
import { encodeEntry } from './entry';
import { pluginReader } from './read';

const live = new AbortController().signal;
const info = { ContainerName: '/web', Config: { color: 'red' } } as unknown as NonNullable<LogTarget['info']>;
const to: LogTarget = { ...target('mine', { color: 'red' }), info };
const forwarding = driverOf('mine')?.forwarding;
let folder: string;
let surroundings: LogSurroundings;
let plugin: LogPlugin;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'log-plugin-'));
  mkdirSync(join(folder, 'plugins'));
  surroundings = { plugins: new Plugins({ sockets: join(folder, 'plugins'), specs: [] }), fifos: join(folder, 'logging') };
  plugin = new LogPlugin();
  await plugin.listen(join(folder, 'plugins', 'mine.sock'));
});
afterEach(async () => {
  await plugin.die();
  rmSync(folder, { recursive: true });
});
const connect = async () => {
  const sink = await forwarding?.connect(to, live, surroundings);
  if (sink === undefined) throw new Error('no sink');
  return sink;
};
const time = 1_767_323_045_678_901_234n;

test('is told of the container, and gets lines whole and in parts', async () => {
  const sink = await connect();
  const [start] = plugin.of('LogDriver.StartLogging');
  expect(start?.['Info']).toEqual(info);
  expect(String(start?.['File'])).toMatch(new RegExp(`^${folder}/logging/c{64}-[0-9a-f]{8}$`));
  const part = { id: 'p', ordinal: 1, last: false };
  const sent = [
    message('one'),
    message('', { stream: 'stderr' }),
    message('begins', { partial: part }),
    message('ends', { partial: { ...part, ordinal: 2, last: true } }),
  ];
  expect(await sink.send(sent, live)).toBe(0);
  await until('all', () => plugin.entries.length === 4);
  expect(plugin.entries.map(({ line, ...more }) => ({ line: line.toString(), ...more }))).toEqual([
    { stream: 'stdout', line: 'one', nanos: time, partial: false },
    { stream: 'stderr', line: '', nanos: time, partial: false },
    { stream: 'stdout', line: 'begins', nanos: time, partial: true },
    { stream: 'stdout', line: 'ends', nanos: time, partial: false },
  ]);
  await sink.close();
  expect(plugin.of('LogDriver.StopLogging')).toEqual([{ File: start?.['File'] }]);
  expect(readdirSync(join(folder, 'logging'))).toEqual([]);
});

test('entries are as docker writes them', () => {
  const bytes = encodeEntry(message('hi', { partial: { id: 'x', ordinal: 300, last: true } }));
  expect(bytes.toString('hex')).toBe('000000220a067374646f757410f2cfb5a8a4deb2c3181a02686920012a08080112017818ac02');
});

test('more than the pipe holds waits for the reader', async () => {
  const sink = await connect();
  const lines = Array.from({ length: 200 }, (_, index) => message(`${index} ${'x'.repeat(4000)}`));
  await sink.send(lines, live);
  await until('all', () => plugin.entries.length === 200);
  expect(plugin.entries.at(-1)?.line.toString()).toBe(lines.at(-1)?.line);
  await sink.close();
});

test('a refusal is told in its words, and leaves no FIFO', async () => {
  plugin.refuses = 'no room';
  await expect(connect()).rejects.toThrow('error creating logger: remote: no room');
  expect(readdirSync(join(folder, 'logging'))).toEqual([]);
  const nobody = forwarding?.connect({ ...to, driver: 'nobody' }, live, surroundings);
  await expect(nobody).rejects.toThrow('error looking up logging plugin nobody: plugin "nobody" not found');
});

test('its death is noticed, and another one begins anew', async () => {
  const sink = await connect();
  await plugin.die();
  await expect(
    (async () => {
      for (;;) await sink.send([message('lost')], live);
    })(),
  ).rejects.toThrow(/EPIPE|broken pipe|closed/i);
  await sink.close();
  plugin = new LogPlugin();
  await plugin.listen(join(folder, 'plugins', 'mine.sock'));
  const next = await connect();
  await next.send([message('again')], live);
  await until('the line', () => plugin.entries.length === 1);
  await next.close();
});

test('what a killed process left is told to be over', async () => {
  const stale = join(folder, 'logging', `${to.subject.id}-00000000`);
  mkdirSync(join(folder, 'logging'));
  writeFileSync(stale, '');
  writeFileSync(join(folder, 'logging', 'other-00000000'), '');
  const sink = await connect();
  expect(plugin.of('LogDriver.StopLogging')).toEqual([{ File: stale }]);
  expect([existsSync(stale), readdirSync(join(folder, 'logging')).length]).toEqual([false, 2]);
  await sink.close();
});

test('reads back what it has kept, if it says that it does', async () => {
  expect(await pluginReader(to, surroundings)).toBeUndefined();
  plugin.reads = true;
  plugin.stored = [message('first\n'), message('second\n', { stream: 'stderr' })].map(encodeEntry);
  const form = { stdout: true, stderr: true, tty: true, timestamps: true, details: false, since: time };
  const read = await pluginReader(to, surroundings);
  let text = '';
  for await (const bytes of read?.(form, { tail: 5, follow: true, signal: live }) ?? []) text += bytes.toString();
  expect(text).toBe('2026-01-02T03:04:05.678901234Z first\n2026-01-02T03:04:05.678901234Z second\n');
  expect(plugin.of('LogDriver.ReadLogs')).toEqual([
    { Info: info, Config: { Since: '2026-01-02T03:04:05.678901234Z', Until: '0001-01-01T00:00:00Z', Tail: 5, Follow: true } },
  ]);
  text = '';
  for await (const bytes of read?.({ ...form, stdout: false, timestamps: false }, { tail: -1, follow: false, signal: live }) ?? [])
    text += bytes.toString();
  expect(text).toBe('second\n');
});
