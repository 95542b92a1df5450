import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@gantry/rpc';
import { findDevices, readDevices, withDevices } from '@gantry/spec';
import { KnownDevices } from './known-devices';

const YAML = `
cdiVersion: "0.6.0"
kind: vendor.com/gpu
annotations: { org.mobyproject.buildkit.device.class: any }
containerEdits:
  env: [ALL=1]
devices:
  - name: one
    containerEdits:
      env: [FIRST=yes, PATH=/gpu]
      deviceNodes: [{ path: /dev/gpu1, hostPath: /dev/null, permissions: rw }, { path: /dev/gpu2, type: b, major: 7, minor: 9 }]
      mounts: [{ hostPath: /lib, containerPath: /gpu/lib, options: [ro, bind] }]
      hooks: [{ hookName: createContainer, path: /bin/true, args: ["true"], timeout: 5 }]
      additionalGids: [44]
  - name: two
    containerEdits: { env: [SECOND=yes] }
`;

describe('devices by CDI', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'cdi-'));
    writeFileSync(join(folder, 'gpu.yaml'), YAML);
    writeFileSync(
      join(folder, 'net.json'),
      JSON.stringify({ cdiVersion: '1', kind: 'vendor.com/net', devices: [{ name: 'n', containerEdits: {} }] }),
    );
    writeFileSync(
      join(folder, 'odd.json'),
      JSON.stringify({ cdiVersion: '1', kind: 'vendor.com/odd', devices: [{ name: 'o', containerEdits: { intelRdt: {} } }] }),
    );
    writeFileSync(join(folder, 'broken.yaml'), '{');
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  const known = (): ReturnType<typeof readDevices> => readDevices([folder, join(folder, 'none')], silentLogger);
  const names = async (...asked: string[]): Promise<string[]> =>
    findDevices(
      await known(),
      asked.map((name) => ({ name, optional: name.startsWith('optional') })),
    ).map(({ name }) => name);

  it('finds them by name, by kind and by class', async () => {
    const [one, two] = ['vendor.com/gpu=one', 'vendor.com/gpu=two'];
    expect(await names(two)).toEqual([two]);
    expect(await names('vendor.com/gpu')).toEqual([one]);
    expect(await names('vendor.com/gpu=*', one)).toEqual([one, two]);
    expect(await names('any')).toEqual([one, two]);
    expect(await names('optional.com/x=y')).toEqual([]);
    await expect(names('vendor.com/gpu=three')).rejects.toThrow('required device "vendor.com/gpu=three" is not registered');
    await expect(names('vendor.com/odd=o')).rejects.toThrow('is not registered');
  });

  it('tells them to clients, and gives those to a build that were granted or give themselves', async () => {
    writeFileSync(
      join(folder, 'open.json'),
      JSON.stringify({
        cdiVersion: '1',
        kind: 'vendor.com/open',
        annotations: { 'org.mobyproject.buildkit.device.autoallow': 'true' },
        devices: [{ name: 'all', containerEdits: {} }],
      }),
    );
    const devices = new KnownDevices([folder], silentLogger);
    await devices.refresh();
    expect(devices.records().map(({ Name: name, AutoAllow: open }) => [name, open])).toEqual([
      ['vendor.com/gpu=one', false],
      ['vendor.com/gpu=two', false],
      ['vendor.com/net=n', false],
      ['vendor.com/open=all', true],
    ]);
    const refused = (asked: string, ...granted: string[]) => devices.refused([{ name: asked, optional: false }], new Set(granted));
    expect(refused('vendor.com/gpu=*')).toEqual(['vendor.com/gpu=one', 'vendor.com/gpu=two']);
    expect(refused('vendor.com/gpu=*', 'vendor.com/gpu=two')).toEqual(['vendor.com/gpu=one']);
    expect(refused('vendor.com/gpu=two', 'any')).toEqual([]);
    expect(refused('vendor.com/open')).toEqual([]);
    expect(refused('vendor.com/gpu=three')).toEqual(['vendor.com/gpu=three']);
  });

  it('adds to a container what their descriptions say', async () => {
    const spec = {
      ociVersion: '1.0.2',
      process: { user: { uid: 0, gid: 0, additionalGids: [0] }, cwd: '/', env: ['PATH=/bin'] },
      mounts: [{ destination: '/gpu/lib', type: 'tmpfs' }],
    };
    const devices = findDevices(await known(), [{ name: 'vendor.com/gpu=one', optional: false }]);
    expect(await withDevices(spec, devices)).toEqual({
      ociVersion: '1.0.2',
      process: { user: { uid: 0, gid: 0, additionalGids: [0, 44] }, cwd: '/', env: ['ALL=1', 'FIRST=yes', 'PATH=/gpu'] },
      mounts: [{ destination: '/gpu/lib', source: '/lib', type: 'bind', options: ['ro', 'bind'] }],
      hooks: { createContainer: [{ path: '/bin/true', args: ['true'], timeout: 5 }] },
      linux: {
        devices: [
          { path: '/dev/gpu1', type: 'c', major: 1, minor: 3, fileMode: 0o666 },
          { path: '/dev/gpu2', type: 'b', major: 7, minor: 9 },
        ],
        resources: {
          devices: [
            { allow: true, type: 'c', access: 'rw', major: 1, minor: 3 },
            { allow: true, type: 'b', access: 'rwm', major: 7, minor: 9 },
          ],
        },
      },
    });
  });
});
