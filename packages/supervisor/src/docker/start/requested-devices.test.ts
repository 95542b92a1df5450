import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HostConfig } from '@gantry/api/gantry/engine/v1/types';
import { Looker } from '@gantry/linux/looks';
import { silentLogger } from '@gantry/rpc';
import { foreignLooks } from '../looks';
import { withRequestedDevices } from './requested-devices';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gantry-cdi-'));
  mkdirSync(join(folder, 'later'));
  const describe = (file: string, kind: string, env: string): void =>
    writeFileSync(
      join(folder, file),
      JSON.stringify({
        cdiVersion: '0.5.0',
        kind,
        devices: [{ name: 'one', containerEdits: { env: [env], deviceNodes: [{ path: '/dev/one', hostPath: '/dev/null' }] } }],
      }),
    );
  describe('a.json', 'vendor.com/a', 'A=first');
  describe('b.json', 'vendor.com/b', 'B=1');
  describe('later/a.json', 'vendor.com/a', 'A=later');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const spec = { ociVersion: '1.0.2', process: { user: { uid: 0, gid: 0 }, cwd: '/', env: ['PATH=/bin'] } };
const give = (requests: object[], cdiSpecDirs = [folder, join(folder, 'later')]): ReturnType<typeof withRequestedDevices> =>
  withRequestedDevices(
    { settings: { cdiSpecDirs }, looks: new Looker(foreignLooks, undefined), logger: silentLogger },
    spec,
    HostConfig.fromPartial({ DeviceRequests: requests }),
  );

test('devices that a container asks for by name come with what their descriptions say; a later folder counts', async () => {
  expect(await give([])).toBe(spec);
  expect(await give([{ Driver: 'cdi', DeviceIDs: ['vendor.com/a=one'] }])).toMatchObject({
    process: { env: ['PATH=/bin', 'A=later'] },
    linux: {
      devices: [{ path: '/dev/one', type: 'c', major: 1, minor: 3 }],
      resources: { devices: [{ allow: true, type: 'c', access: 'rwm' }] },
    },
  });
  const both = await give([
    { Driver: 'cdi', DeviceIDs: ['vendor.com/b=one'] },
    { Driver: 'cdi', DeviceIDs: ['vendor.com/a=one'] },
  ]);
  expect(both.process?.env).toEqual(expect.arrayContaining(['A=later', 'B=1']));
});

test('those that nobody describes are named, and without folders there is no such driver', async () => {
  const asked = [{ Driver: 'cdi', DeviceIDs: ['v/c=a', 'vendor.com/b=one', 'v/c=b'] }];
  await expect(give(asked)).rejects.toThrow('CDI device injection failed: unresolvable CDI devices v/c=a, v/c=b');
  await expect(give(asked, [])).rejects.toThrow('could not select device driver "cdi" with capabilities: []');
});
