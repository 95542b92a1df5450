import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pluginNames } from './names';
import { findPlugin, type PluginPlaces } from './places';

let folder: string;
let places: PluginPlaces;
const servers: Server[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gp-'));
  places = { sockets: join(folder, 'run'), specs: [join(folder, 'etc'), join(folder, 'lib')] };
  for (const path of [places.sockets, ...places.specs]) mkdirSync(path);
});
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
  rmSync(folder, { recursive: true });
});
const write = (path: string, text: string): void => {
  mkdirSync(join(folder, path, '..'), { recursive: true });
  writeFileSync(join(folder, path), text);
};
const listen = (path: string): Promise<void> =>
  new Promise((resolve) => {
    mkdirSync(join(path, '..'), { recursive: true });
    servers.push(createServer().listen(path, resolve));
  });

test('a socket goes before files, the administrator before the distribution, a spec before JSON', async () => {
  write('lib/a.spec', 'tcp://127.0.0.1:1');
  expect(await findPlugin(places, 'a')).toEqual({ url: 'tcp://127.0.0.1:1' });
  write('etc/a/a.json', JSON.stringify({ Name: 'a', Addr: 'http://127.0.0.1:2' }));
  expect(await findPlugin(places, 'a')).toEqual({ url: 'http://127.0.0.1:2' });
  write('etc/a.spec', ' unix:///run/other.sock\n');
  expect(await findPlugin(places, 'a')).toEqual({ url: 'unix:///run/other.sock' });
  await listen(join(places.sockets, 'a', 'a.sock'));
  expect(await findPlugin(places, 'a')).toEqual({ url: `unix://${places.sockets}/a/a.sock` });
});

test('JSON says whom to trust', async () => {
  write('etc/t.json', JSON.stringify({ Addr: 'https://h:1', TLSConfig: { CAFile: '/ca', CertFile: '/cert', KeyFile: '/key' } }));
  write('etc/u.json', JSON.stringify({ Addr: 'https://h:1', TLSConfig: {} }));
  expect((await findPlugin(places, 't'))?.tls).toEqual({ ca: '/ca', certificate: '/cert', key: '/key', insecure: false });
  expect((await findPlugin(places, 'u'))?.tls).toMatchObject({ insecure: true });
});

test('no name leads out of the folders, and a file that says nothing is refused by name', async () => {
  write('secret.spec', 'tcp://127.0.0.1:1');
  for (const name of ['../secret', '', 'a/b', '.']) expect(await findPlugin(places, name)).toBeUndefined();
  write('etc/odd.spec', 'ftp://h');
  write('etc/bad.json', '{');
  write('etc/empty.json', '{}');
  await expect(findPlugin(places, 'odd')).rejects.toThrow('odd.spec: unknown protocol');
  await expect(findPlugin(places, 'bad')).rejects.toThrow('bad.json is not JSON');
  await expect(findPlugin(places, 'empty')).rejects.toThrow('empty.json has no Addr');
});

test('names are those of sockets, files and folders', async () => {
  expect(await pluginNames({ sockets: join(folder, 'nowhere'), specs: [] })).toEqual([]);
  write('etc/a.spec', 'tcp://127.0.0.1:1');
  write('lib/a.json', '{}');
  write('lib/b/b.json', '{}');
  write('etc/readme.txt', '');
  await listen(join(places.sockets, 'c.sock'));
  expect(await pluginNames(places)).toEqual(['a', 'b', 'c']);
});
