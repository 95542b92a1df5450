import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pause } from '@gantry/rpc';
import { Plugins } from './plugins';
import { TestPlugin } from './testing/plugin';

let folder: string;
let plugin: TestPlugin;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gantry-soon-'));
  plugin = new TestPlugin({ 'Plugin.Activate': { Implements: ['VolumeDriver'] } });
});
afterEach(async () => {
  await plugin.close();
  rmSync(folder, { recursive: true, force: true });
});

const sockets = (): string => join(folder, 'sockets');

test('a plugin that is starting is waited for', async () => {
  const plugins = new Plugins({ sockets: sockets(), specs: [] });
  const asked = plugins.getSoon('late', 'VolumeDriver');
  await expect(plugins.get('late', 'VolumeDriver')).rejects.toThrow('plugin "late" not found'); // that it is asked for does not hold up others
  mkdirSync(sockets());
  await plugin.listen(join(sockets(), 'late.sock'));
  expect((await asked).name).toBe('late');
});

test('one that does not come is not found, and one of another kind is not waited for', async () => {
  const plugins = new Plugins({ sockets: sockets(), specs: [] }, 50);
  await expect(plugins.getSoon('never', 'VolumeDriver')).rejects.toThrow('plugin "never" not found');
  mkdirSync(sockets());
  await plugin.listen(join(sockets(), 'other.sock'));
  const patient = new Plugins({ sockets: sockets(), specs: [] });
  const refused = patient.getSoon('other', 'NetworkDriver').catch((error: unknown) => String(error));
  expect(await Promise.race([refused, pause(5_000, { ref: false })])).toContain('does not implement');
});
