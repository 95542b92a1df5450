import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Mount } from '@gantry/api/containerd/types/types';
import type { Spec } from '@gantry/oci';
import { layMappedBinds, removeMappedBinds } from './mapped-binds';
import type { RootfsMounter } from './rootfs';

describe('binds with an id map, for runtimes that know none', () => {
  const dir = join(tmpdir(), `gantry-binds-${process.pid}`);
  beforeAll(() => mkdirSync(dir));
  const bundle = join(dir, 'bundle');
  const mounted: [string, Mount][] = [];
  const unmounted: string[] = [];
  const rootfs: RootfsMounter = {
    mount: async (target, mounts) => void mounted.push(...mounts.map((mount): [string, Mount] => [target, mount])),
    unmount: async (target) => void unmounted.push(target),
  };
  const map = [{ containerID: 0, hostID: 100000, size: 65536 }];
  const bind = (source: string, destination: string, more: object = {}) => ({
    type: 'bind',
    source,
    destination,
    options: ['rbind', 'ro'],
    ...more,
  });
  const spec = (...mounts: Spec['mounts'] & object): Spec => ({ ociVersion: '1.0.2', mounts });
  beforeEach(() => {
    mkdirSync(bundle);
    writeFileSync(join(dir, 'file'), '');
    mounted.length = unmounted.length = 0;
  });
  afterEach(() => rmSync(bundle, { recursive: true }));
  afterAll(() => rmSync(dir, { recursive: true }));

  test('are mounted below the bundle, whose config names those places; other mounts stay', async () => {
    await layMappedBinds(
      rootfs,
      bundle,
      spec(
        bind('/plain', '/p'),
        bind(dir, '/d', { uidMappings: map, gidMappings: map }),
        bind(join(dir, 'file'), '/f', { uidMappings: map, gidMappings: map }),
      ),
    );
    const binds = join(bundle, 'binds');
    const options = ['rbind', 'uidmap=0:100000:65536', 'gidmap=0:100000:65536'];
    expect(mounted).toEqual([
      [binds, { type: 'bind', source: dir, target: '1', options }],
      [binds, { type: 'bind', source: join(dir, 'file'), target: '2', options }],
    ]);
    expect((JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8')) as Spec).mounts).toEqual([
      bind('/plain', '/p'),
      bind(join(binds, '1'), '/d'),
      bind(join(binds, '2'), '/f'),
    ]);
    await removeMappedBinds(rootfs, bundle);
    expect(unmounted.sort()).toEqual([join(binds, '1'), join(binds, '2')]);
    expect(readdirSync(bundle)).toEqual(['config.json']);
    await removeMappedBinds(rootfs, bundle); // may be repeated
  });

  test('without a map nothing is written; a source that is missing is named', async () => {
    await layMappedBinds(rootfs, bundle, spec(bind('/plain', '/p')));
    expect(existsSync(join(bundle, 'config.json'))).toBe(false);
    await expect(layMappedBinds(rootfs, bundle, spec(bind('/no/such', '/x', { uidMappings: map, gidMappings: map })))).rejects.toThrow(
      'cannot find /no/such, which is to be bound at /x',
    );
    await removeMappedBinds(rootfs, bundle);
    expect(readdirSync(bundle)).toEqual([]);
  });
});
