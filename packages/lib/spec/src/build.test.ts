import { ContainerConfig, HostConfig } from '@gantry/api/gantry/engine/v1/types';
import { buildSpec, type SpecInput } from './build';
import { defaultSeccompProfile } from '@gantry/oci/seccomp';

const input = (host: Partial<HostConfig> = {}, config: Partial<ContainerConfig> = {}, more: Partial<SpecInput> = {}): SpecInput => ({
  id: 'abc',
  command: ['sh', '-c', 'true'],
  config: ContainerConfig.fromPartial(config),
  host: HostConfig.fromPartial({ NetworkMode: 'bridge', IpcMode: 'private', ...host }),
  mounts: [],
  files: { hosts: '/data/hosts' },
  user: { uid: 0, gid: 0, additionalGids: [0], home: '/root' },
  hostname: 'web',
  joined: {},
  cgroupVersion: 2,
  defaultSeccomp: defaultSeccompProfile(),
  ...more,
});

it("makes docker's default container", async () => {
  const spec = await buildSpec(input());
  expect(spec.process).toMatchObject({ args: ['sh', '-c', 'true'], cwd: '/', noNewPrivileges: false, oomScoreAdj: 0, terminal: false });
  expect(spec.linux?.namespaces).toEqual([
    { type: 'mount' },
    { type: 'network' },
    { type: 'uts' },
    { type: 'pid' },
    { type: 'ipc' },
    { type: 'cgroup' },
  ]);
  expect(spec.linux?.cgroupsPath).toBe('/gantry/abc');
  expect(spec.linux?.maskedPaths).toContain('/proc/kcore');
  expect(spec.linux?.readonlyPaths).toContain('/proc/sys');
  expect(spec.linux?.seccomp?.defaultAction).toBe('SCMP_ACT_ERRNO');
  expect(spec.process?.capabilities?.effective).toHaveLength(14);
  expect(spec.mounts?.find(({ destination }) => destination === '/sys')?.options).toContain('ro');
  expect(spec.mounts?.find(({ destination }) => destination === '/etc/hosts')).toMatchObject({ type: 'bind', source: '/data/hosts' });
});

it('gives a user that is not root no effective capabilities', async () => {
  const spec = await buildSpec(input({}, {}, { user: { uid: 5, gid: 5, additionalGids: [5], home: '/' } }));
  expect(spec.process?.capabilities).toEqual({ bounding: expect.arrayContaining(['CAP_CHOWN']) as string[] });
});

it('opens everything for a privileged container', async () => {
  const spec = await buildSpec(input({ Privileged: true }));
  expect(spec.linux?.seccomp).toBeUndefined();
  expect(spec.linux?.maskedPaths).toEqual([]);
  expect(spec.linux?.resources?.devices).toEqual([{ allow: true, access: 'rwm' }]);
  expect(spec.linux?.devices?.length).toBeGreaterThan(3);
  expect(spec.mounts?.find(({ destination }) => destination === '/sys')?.options).not.toContain('ro');
});

it('joins and shares namespaces', async () => {
  const spec = await buildSpec(input({ NetworkMode: 'host', PidMode: 'host', IpcMode: 'host', UTSMode: 'host', CgroupnsMode: 'host' }));
  expect(spec.linux?.namespaces).toEqual([{ type: 'mount' }]);
  expect(spec.hostname).toBeUndefined();
  expect(spec.linux?.sysctl).toEqual({});
  const joined = await buildSpec(
    input({ NetworkMode: 'container:x', PidMode: 'container:x', IpcMode: 'container:x' }, {}, { joined: { network: 7, pid: 7, ipc: 7 } }),
  );
  expect(joined.linux?.namespaces).toContainEqual({ type: 'network', path: '/proc/7/ns/net' });
});

it("says limits in OCI's words", async () => {
  const spec = await buildSpec(
    input({
      Memory: 67_108_864n,
      NanoCpus: 500_000_000n,
      PidsLimit: 50n,
      CpusetCpus: '0',
      Ulimits: [{ Name: 'nofile', Soft: 10n, Hard: -1n }],
      OomScoreAdj: 5n,
      ReadonlyRootfs: true,
    }),
  );
  expect(spec.linux?.resources).toMatchObject({
    memory: { limit: 67_108_864, swap: 134_217_728 },
    cpu: { quota: 50_000, period: 100_000, cpus: '0' },
    pids: { limit: 50 },
  });
  expect(spec.process?.rlimits).toEqual([{ type: 'RLIMIT_NOFILE', soft: 10, hard: 18_446_744_073_709_551_615n }]);
  expect(spec.process?.oomScoreAdj).toBe(5);
  expect(spec.root?.readonly).toBe(true);
  expect(spec.mounts?.find(({ destination }) => destination === '/etc/hosts')?.options).toContain('ro');
});

it("orders mounts and lets a user's mount replace the engine's", async () => {
  const mount = {
    type: 'bind',
    name: '',
    driver: '',
    mode: '',
    propagation: 'rshared',
    options: [],
    nonRecursive: false,
    readOnlyNonRecursive: false,
    readOnlyForceRecursive: false,
    anonymous: false,
    subpath: '',
    fromMounts: false,
    copyUp: false,
    createSource: true,
    imageId: '',
    snapshotter: '',
    snapshotKey: '',
  };
  const spec = await buildSpec(
    input(
      {},
      {},
      {
        mounts: [
          { ...mount, source: '/a', destination: '/data/deep', rw: false },
          { ...mount, source: '/b', destination: '/data', rw: true },
          { ...mount, source: '/t', destination: '/top', rw: false, readOnlyNonRecursive: true },
          { ...mount, source: '/h', destination: '/etc/hosts', rw: true },
        ],
      },
    ),
  );
  const destinations = (spec.mounts ?? []).map(({ destination }) => destination);
  expect(destinations.indexOf('/data')).toBeLessThan(destinations.indexOf('/data/deep'));
  expect(spec.mounts?.filter(({ destination }) => destination === '/etc/hosts')).toMatchObject([{ source: '/h' }]);
  expect(spec.mounts?.find(({ destination }) => destination === '/data/deep')?.options).toEqual(['rbind', 'rshared', 'rro']);
  expect(spec.mounts?.find(({ destination }) => destination === '/top')?.options).toEqual(['rbind', 'rshared', 'ro']);
  expect(spec.linux?.rootfsPropagation).toBe('shared');
});

it('puts the init before the command', async () => {
  const spec = await buildSpec(input({}, {}, { files: { init: '/usr/libexec/init' } }));
  expect(spec.process?.args).toEqual(['/sbin/docker-init', '--', 'sh', '-c', 'true']);
  expect(spec.mounts).toContainEqual({
    destination: '/sbin/docker-init',
    type: 'bind',
    source: '/usr/libexec/init',
    options: ['rbind', 'rprivate', 'ro'],
  });
});

it('refuses a device that is none', async () => {
  await expect(buildSpec(input({ Devices: [{ PathOnHost: '/nonexistent', PathInContainer: '', CgroupPermissions: '' }] }))).rejects.toThrow(
    '"/nonexistent"',
  );
});
