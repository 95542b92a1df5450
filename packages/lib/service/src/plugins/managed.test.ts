import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findManaged, forgetManaged, isDisabled, listManaged, type ManagedPlugin, writeManaged } from './managed';
import { isPlugin } from './places';
import { Plugins } from './plugins';
import { TestPlugin } from './testing/plugin';

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'gp-'))));
afterEach(() => rmSync(folder, { recursive: true }));
const keeper = (change: Partial<ManagedPlugin> = {}): ManagedPlugin => ({
  name: 'keeper:latest',
  id: 'a',
  enabled: true,
  socket: join(folder, 'k.sock'),
  types: ['docker.volumedriver/1.0'],
  rootfs: '/trees/1/fs',
  propagated: { inside: '/mnt', host: '/data/mnt' },
  timeout: 0,
  ...change,
});

test('a managed plugin is found by its name in all its forms, until it is forgotten', async () => {
  await writeManaged(folder, keeper());
  for (const name of ['keeper', 'keeper:latest', 'docker.io/library/keeper', 'library/keeper'])
    expect(await findManaged(folder, name)).toEqual(keeper());
  for (const name of ['keeper:2', '../keeper', '', 'a/keeper']) expect(await findManaged(folder, name)).toBeUndefined();
  expect((await listManaged(folder)).map(({ name }) => name)).toEqual(['keeper:latest']);
  expect(isPlugin({ sockets: folder, specs: [], managed: folder }, 'keeper')).toBe(true);
  await forgetManaged(folder, 'keeper:latest');
  expect([await findManaged(folder, 'keeper'), await listManaged(folder), await listManaged(join(folder, 'none'))]).toEqual([
    undefined,
    [],
    [],
  ]);
});

test('it is called without being activated, tells paths of its own, and is refused where it is disabled or something else', async () => {
  const answers = new TestPlugin({ 'VolumeDriver.List': { Volumes: [] } });
  await answers.listen(keeper().socket);
  try {
    const plugins = new Plugins({ sockets: folder, specs: [], managed: folder });
    await writeManaged(folder, keeper());
    const client = await plugins.get('keeper', 'VolumeDriver');
    expect([client.name, client.onHost('/mnt/a'), client.onHost('/mnt'), client.onHost('/mntx')]).toEqual([
      'keeper:latest',
      '/data/mnt/a',
      '/data/mnt',
      '/trees/1/fs/mntx',
    ]);
    expect(await client.call('VolumeDriver.List', {})).toEqual({ Volumes: [] });
    expect(answers.asked.map(([method]) => method)).toEqual(['VolumeDriver.List']);
    await expect(plugins.get('keeper', 'LogDriver')).rejects.toThrow('plugin does not provide "logdriver" capability');
    await writeManaged(folder, keeper({ enabled: false }));
    const refused = await plugins.get('keeper', 'VolumeDriver').catch((error: unknown) => error);
    expect(refused).toMatchObject({ kind: 'conflict', message: 'plugin keeper found but disabled' });
    expect([isDisabled(refused), await plugins.names()]).toEqual([true, ['k']]);
  } finally {
    await answers.close();
  }
});
