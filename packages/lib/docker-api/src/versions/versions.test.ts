import { scanJson } from '../json/scan';
import { type ContainerCreateBody, containerCreateBody, containerUpdateBody } from '../shapes/containers';
import { writeContainerInspect } from '../shapes/inspect';
import { writeNetworkSummary } from '../shapes/networks';
import { writeInfo } from '../shapes/system';
import { messageCodec } from '../messages';
import { readable } from './parameters';
import { asMeant, connectRules, createRules, updateRules } from './requests';
import { apiVersion, checkMinVersion, negotiate } from './version';

const create = (version: string, json: object): ContainerCreateBody =>
  asMeant(createRules, containerCreateBody.read(scanJson(JSON.stringify(json)).value, { struct: '', path: '' }), apiVersion(version));
const host = (version: string, json: object) => create(version, { HostConfig: json }).HostConfig;

describe('POST /containers/create', () => {
  test.each<[object, string, object, string, object]>([
    // [sent, version, meaning then, version, meaning then]
    [{ AutoRemove: true }, '1.24', { AutoRemove: false }, '1.25', { AutoRemove: true }],
    [{}, '1.39', { IpcMode: 'shareable' }, '1.40', { IpcMode: '' }],
    [{ IpcMode: 'private' }, '1.39', { IpcMode: 'private' }, '1.40', { IpcMode: 'private' }],
    [{ KernelMemoryTCP: 5 }, '1.39', { KernelMemoryTCP: 0n }, '1.40', { KernelMemoryTCP: 5n }],
    [{ ConsoleSize: [3, 4] }, '1.41', { ConsoleSize: [] }, '1.42', { ConsoleSize: [3n, 4n] }],
    [{ Annotations: { a: 'b' } }, '1.42', { Annotations: {} }, '1.43', { Annotations: { a: 'b' } }],
  ])('%j: %s %j, %s %j', (sent, before, then, from, now) => {
    expect(host(before, sent)).toMatchObject(then);
    expect(host(from, sent)).toMatchObject(now);
  });

  test.each([
    ['1.39', { Type: 'bind', BindOptions: { NonRecursive: true } }, { BindOptions: { NonRecursive: false } }],
    ['1.40', { Type: 'bind', BindOptions: { NonRecursive: true } }, { BindOptions: { NonRecursive: true } }],
    ['1.41', { Type: 'bind', BindOptions: { CreateMountpoint: true } }, { BindOptions: { CreateMountpoint: false } }],
    ['1.41', { Type: 'bind', VolumeOptions: { NoCopy: true } }, { VolumeOptions: undefined }],
    ['1.41', { Type: 'volume', TmpfsOptions: {} }, { TmpfsOptions: undefined }],
  ])('a mount in %s: %j', (version, sent, meant) => {
    expect(host(version, { Mounts: [sent] })?.Mounts[0]).toMatchObject(meant);
  });

  test.each([
    ['1.42', { Type: 'bind', VolumeOptions: {} }, 'VolumeOptions must not be specified on mount type "bind"'],
    ['1.42', { Type: 'tmpfs', BindOptions: {} }, 'BindOptions must not be specified on mount type "tmpfs"'],
    [
      '1.43',
      { Type: 'bind', BindOptions: { ReadOnlyForceRecursive: true } },
      'BindOptions.ReadOnlyForceRecursive needs API v1.44 or newer',
    ],
    ['1.44', { Type: 'volume', VolumeOptions: { Subpath: 'x' } }, 'VolumeOptions.Subpath needs API v1.45 or newer'],
    ['1.47', { Type: 'image' }, 'Mount type "Image" needs API v1.48 or newer'],
  ])('a mount that %s does not have: %j', (version, sent, message) => {
    expect(() => host(version, { Mounts: [sent] })).toThrow(message);
  });

  test('endpoints before 1.44: one, with the MAC address of the container', () => {
    const two = { NetworkingConfig: { EndpointsConfig: { a: {}, b: {} } } };
    expect(() => create('1.43', two)).toThrow('Container cannot be created with multiple network endpoints: a, b');
    expect(() => create('1.44', two)).not.toThrow();
    const one = (MacAddress: string) => ({
      MacAddress,
      NetworkingConfig: { EndpointsConfig: { a: { MacAddress: 'bb:bb', GwPriority: 4 } } },
    });
    const endpoint = (version: string, mac: string) => create(version, one(mac)).NetworkingConfig?.EndpointsConfig['a'];
    expect(endpoint('1.43', 'aa:aa')).toMatchObject({ MacAddress: 'aa:aa', GwPriority: 0n });
    expect(endpoint('1.43', '')).toMatchObject({ MacAddress: '' });
    expect(endpoint('1.48', '')).toMatchObject({ MacAddress: 'bb:bb', GwPriority: 4n });
  });

  test("the container's MAC address is its main network's until 1.52", () => {
    const warnings: string[] = [];
    const ask = (version: string, json: object): ContainerCreateBody =>
      asMeant(
        createRules,
        containerCreateBody.read(scanJson(JSON.stringify(json)).value, { struct: '', path: '' }),
        apiVersion(version),
        (warning) => warnings.push(warning),
      );
    const at = (NetworkMode: string, own = '') => ({
      MacAddress: 'aa:aa',
      HostConfig: { NetworkMode },
      NetworkingConfig: { EndpointsConfig: { lan: { MacAddress: own }, other: {} } },
    });
    const moved = ask('1.51', at('lan'));
    expect([moved.MacAddress, moved.NetworkingConfig?.EndpointsConfig['lan']?.MacAddress]).toEqual([undefined, 'aa:aa']);
    expect(ask('1.44', { MacAddress: 'aa:aa' }).NetworkingConfig?.EndpointsConfig['bridge']?.MacAddress).toBe('aa:aa');
    expect(ask('1.43', { MacAddress: 'aa:aa', HostConfig: {} }).NetworkingConfig?.EndpointsConfig['bridge']?.MacAddress).toBe('aa:aa');
    const old = 'The container-wide MacAddress field is now deprecated. It should be specified in EndpointsConfig instead.';
    expect(warnings).toEqual([old, old]);
    expect(() => ask('1.51', at('lan', 'bb:bb'))).toThrow('the container-wide MAC address must match the endpoint-specific MAC address');
    expect(() => ask('1.51', at('third'))).toThrow('HostConfig.NetworkMode must match the identity of a network');
    expect(() => ask('1.43', { MacAddress: 'aa:aa', HostConfig: { NetworkMode: 'none' } })).toThrow(
      'conflicting options: mac-address and the network mode',
    );
    expect(() => ask('1.52', at('lan'))).toThrow('container-wide MAC address no longer supported');
  });

  test("sysctls of the first interface are its endpoint's until 1.48", () => {
    const warnings: string[] = [];
    const ask = (version: string, Sysctls: object, more: object = {}): ContainerCreateBody =>
      asMeant(
        createRules,
        containerCreateBody.read(scanJson(JSON.stringify({ HostConfig: { Sysctls, ...more } })).value, { struct: '', path: '' }),
        apiVersion(version),
        (warning) => warnings.push(warning),
      );
    const one = { 'net.ipv4.conf.eth0.forwarding': '1', 'net.core.somaxconn': '5' };
    const moved = ask('1.47', one);
    expect(moved.HostConfig?.Sysctls).toEqual({ 'net.core.somaxconn': '5' });
    expect(moved.NetworkingConfig?.EndpointsConfig['bridge']?.DriverOpts).toEqual({
      'com.docker.network.endpoint.sysctls': 'net.ipv4.conf.IFNAME.forwarding=1',
    });
    expect(warnings).toEqual([
      'Migrated sysctl "net.ipv4.conf.eth0.forwarding" to DriverOpts{"com.docker.network.endpoint.sysctls":"net.ipv4.conf.IFNAME.forwarding=1"}.',
    ]);
    expect(() => ask('1.47', { 'net.ipv4.conf.eth1.forwarding': '1' })).toThrow(
      'unable to determine network endpoint for sysctl net.ipv4.conf.eth1',
    );
    expect(() => ask('1.48', one)).toThrow(
      'interface specific sysctl setting "net.ipv4.conf.eth0.forwarding" must be supplied using driver option',
    );
    expect(ask('1.48', one, { NetworkMode: 'host' }).HostConfig?.Sysctls).toEqual(one);
  });

  test('what is said of ports and volume drivers', () => {
    const warnings = (version: string, json: object): string[] => {
      const told: string[] = [];
      const body = containerCreateBody.read(scanJson(JSON.stringify({ HostConfig: json })).value, { struct: '', path: '' });
      asMeant(createRules, body, apiVersion(version), (warning) => told.push(warning));
      return told;
    };
    const ports = { PortBindings: { '80/tcp': [], '81/tcp': [{ HostPort: '1' }] } };
    expect(warnings('1.51', ports)).toEqual([]);
    expect(warnings('1.52', ports)).toEqual([
      'Following container port(s) have an empty list of port-bindings: 80/tcp. Such bindings will be discarded in a future version.',
    ]);
    const volumes = { VolumeDriver: 'x', Mounts: [{ Type: 'volume', Target: '/a' }] };
    expect([warnings('1.47', volumes), warnings('1.48', volumes).length]).toEqual([[], 1]);
  });
});

test('members of newer versions', () => {
  const has = (name: 'ContainerConfig' | 'HostConfig' | 'ContainerSummary' | 'Network' | 'ImageInspect', json: object, member: string) =>
    ['1.51', '1.52', '1.53', '1.55'].filter(
      (version) => member in (messageCodec(name).write({ ...messageCodec(name).zero(), ...json } as never, apiVersion(version)) as object),
    );
  expect(has('ContainerConfig', { MacAddress: 'aa' }, 'MacAddress')).toEqual(['1.51']);
  expect(has('ContainerConfig', {}, 'OnBuild')).toEqual(['1.51']);
  expect(has('ContainerConfig', { OnBuild: ['RUN x'] }, 'OnBuild')).toHaveLength(4);
  expect(has('HostConfig', { KernelMemoryTCP: 5n }, 'KernelMemoryTCP')).toEqual(['1.51']);
  expect(has('ContainerSummary', { Health: { Status: 'none', FailingStreak: 0n } }, 'Health')).toEqual(['1.52', '1.53', '1.55']);
  expect(has('Network', { Status: { IPAM: { Subnets: {} } } }, 'Status')).toEqual(['1.52', '1.53', '1.55']);
  expect(has('Network', {}, 'Status')).toEqual([]);
  expect(has('ImageInspect', {}, 'Author')).toEqual(['1.51']);
  expect(has('ImageInspect', { Identity: { Pull: [], Build: [] } }, 'Identity')).toEqual(['1.53', '1.55']);
});

test('a connection has no MAC address before 1.54, limits of devices are not updated before 1.55', () => {
  const mac = (version: string) =>
    asMeant(
      connectRules,
      { Container: 'a', EndpointConfig: { ...messageCodec('EndpointSettings').zero(), MacAddress: 'aa' } },
      apiVersion(version),
    ).EndpointConfig?.MacAddress;
  expect([mac('1.53'), mac('1.54')]).toEqual(['', 'aa']);
  const rates = (version: string) => {
    const json = '{"BlkioDeviceReadBps":[{"Path":"/dev/a","Rate":1}],"BlkioWeightDevice":[]}';
    const body = containerUpdateBody.read(scanJson(json).value, { struct: '', path: '' });
    const { BlkioDeviceReadBps, givenEmpty } = asMeant(updateRules, body, apiVersion(version));
    return [BlkioDeviceReadBps.length, givenEmpty.length];
  };
  expect([rates('1.54'), rates('1.55')]).toEqual([
    [0, 0],
    [1, 1],
  ]);
});

test('networks in a list say no containers from 1.52 on', () => {
  const row = (version: string) => writeNetworkSummary(messageCodec('Network').zero(), apiVersion(version));
  expect(row('1.51')).toHaveProperty('Containers', {});
  expect(row('1.52')).not.toHaveProperty('Containers');
});

test('updates before 1.40 had no limit of processes', () => {
  const limit = (version: string) =>
    asMeant(updateRules, { ...messageCodec('HostConfig').zero(), PidsLimit: 5n }, apiVersion(version)).PidsLimit;
  expect([limit('1.39'), limit('1.40')]).toEqual([undefined, 5n]);
});

test.each([
  ['ContainerWait', '1.29', 'condition=removed', ''],
  ['ContainerWait', '1.30', 'condition=removed', 'condition=removed'],
  ['ImageCreate', '1.31', 'fromImage=a&platform=b', 'fromImage=a'],
  ['ImageList', '1.40', 'filter=a&shared-size=1', 'filter=a'],
  ['ImageList', '1.42', 'filter=a&shared-size=1', 'shared-size=1'],
  ['ImageList', '1.53', 'manifests=1&identity=1', 'manifests=1'],
  ['SystemDataUsage', '1.51', 'verbose=1', ''],
  ['ContainerAttachWebsocket', '1.41', 'stdin=0', 'stdin=1&stdout=1&stderr=1'],
])('%s in %s reads of %s: %s', (operation, version, query, read) => {
  expect(readable(operation, new URLSearchParams(query), apiVersion(version)).toString()).toBe(read);
});

test('inspection before 1.45 says the id and the hostname as aliases', () => {
  const codec = messageCodec('ContainerInspectResponse');
  const endpoint = messageCodec('EndpointSettings').zero();
  const container = {
    ...codec.zero(),
    Id: '0123456789abcdef',
    Config: { ...messageCodec('ContainerConfig').zero(), Hostname: 'web' },
    NetworkSettings: {
      ...messageCodec('NetworkSettings').zero(),
      Networks: { own: { ...endpoint, Aliases: ['web'] }, bridge: endpoint },
    },
  };
  const networks = (version: string): unknown =>
    (writeContainerInspect(container, apiVersion(version)) as { NetworkSettings: { Networks: unknown } }).NetworkSettings.Networks;
  expect(networks('1.44')).toMatchObject({ own: { Aliases: ['web', '0123456789ab'] }, bridge: { Aliases: null } });
  expect(networks('1.45')).toMatchObject({ own: { Aliases: ['web'] } });
});

test('info of older versions', () => {
  const info = { ...messageCodec('SystemInfo').zero(), SecurityOptions: ['name=seccomp,profile=builtin', 'name=userns'] };
  const said = (version: string) => writeInfo(info, apiVersion(version)) as Record<string, unknown>;
  expect(said('1.24')).toMatchObject({ SecurityOptions: ['seccomp', 'userns'], KernelVersion: '<unknown>', OperatingSystem: '<unknown>' });
  expect(said('1.25')['SecurityOptions']).toEqual(info.SecurityOptions);
  expect(said('1.39')['KernelVersion']).toBe('');
  expect(said('1.46')['RegistryConfig']).toHaveProperty('AllowNondistributableArtifactsCIDRs', null);
  expect(said('1.49')).toMatchObject({ BridgeNfIptables: false, BridgeNfIp6tables: false });
  expect(said('1.50')).not.toHaveProperty('BridgeNfIptables');
});

test.each([
  ['', 'value is empty'],
  ['v1.40', 'API version must be provided without "v" prefix'],
  ['1.23', 'minimum supported API version is 1.24: 1.23'],
  ['1.99', 'maximum supported API version is 1.55: 1.99'],
  ['new', 'not an API version: new'],
])('%j is no oldest version', (version, why) => {
  expect(() => checkMinVersion(version, 'DOCKER_MIN_API_VERSION')).toThrow(`invalid DOCKER_MIN_API_VERSION: ${why}`);
});

test('the configured oldest version is the limit', () => {
  expect(() => checkMinVersion('1.41', 'min-api-version')).not.toThrow();
  expect(negotiate('1.24').text).toBe('1.24');
  expect(() => negotiate('1.40', '1.41')).toThrow('client version 1.40 is too old. Minimum supported API version is 1.41');
});
