import { NetMode } from '@gantry/api/pb/ops';
import { readOptions } from './options';

const read = (options: Readonly<Record<string, string>>) => readOptions(new Map(Object.entries(options)));

test('every option', () => {
  const options = read({
    'build-arg:A': '1',
    'label:b': '2',
    target: 't',
    'build-arg:BUILDKIT_CACHE_MOUNT_NS': 'ns',
    'cgroup-parent': '/c',
    'build-arg:SOURCE_DATE_EPOCH': '17',
    'add-hosts': 'A=1.2.3.4,"b=::1"',
    hostname: 'h',
    'image-resolve-mode': 'pull',
    'force-network-mode': 'host',
    'shm-size': '64',
    ulimit: 'nofile=1:2,core=-1',
    'build-arg:BUILDKIT_DOCKERFILE_CHECK': 'skip=a,b;error=true',
    'cache-imports': '[{"Type":"local","Attrs":{"src":"x"}}]',
    'cache-from': 'q',
    platform: 'linux/aarch64,linux/amd64',
    'no-cache': 'One,two',
    'attest:sbom': 'generator=scan/it,x=y',
  });
  expect(options).toMatchObject({
    target: 't',
    cacheNamespace: 'ns',
    cgroupParent: '/c',
    epoch: 17,
    extraHosts: [
      { Host: 'a', IP: '1.2.3.4' },
      { Host: 'b', IP: '::1' },
    ],
    hostname: 'h',
    resolveMode: 'pull',
    network: NetMode.HOST,
    shmSize: 64n,
    ulimits: [
      { Name: 'nofile', Soft: 1n, Hard: 2n },
      { Name: 'core', Soft: -1n, Hard: -1n },
    ],
    lint: { skip: ['a', 'b'], error: true, experimental: [] },
    cacheImports: [
      { type: 'local', attributes: new Map([['src', 'x']]) },
      { type: 'registry', attributes: new Map([['ref', 'q']]) },
    ],
    platforms: [
      { os: 'linux', architecture: 'arm64' },
      { os: 'linux', architecture: 'amd64' },
    ],
    multiPlatform: true,
    sbom: { generator: 'docker.io/scan/it:latest', parameters: new Map([['x', 'y']]) },
  });
  expect(options.buildArgs.get('A')).toBe('1');
  expect(options.labels).toEqual(new Map([['b', '2']]));
  expect(['one', 'TWO', 'three'].map((name) => options.ignoresCache(name))).toEqual([true, true, false]);
});

test('the cache: used by all stages, by none, and a client that says of one platform that it is several', () => {
  expect(read({}).ignoresCache('a')).toBe(false);
  expect(read({ 'no-cache': '' }).ignoresCache('a')).toBe(true);
  expect(read({ platform: 'linux/amd64' }).multiPlatform).toBe(false);
  expect(read({ platform: 'linux/amd64', 'build-arg:BUILDKIT_MULTI_PLATFORM': '1' }).multiPlatform).toBe(true);
});

test.each([
  ['platform', 'bogus', 'failed to parse target platform bogus: "bogus": unknown operating system or architecture: invalid argument'],
  ['image-resolve-mode', 'x', 'invalid image-resolve-mode: x'],
  ['add-hosts', 'a', 'failed to parse additional hosts: invalid key-value pair a'],
  ['add-hosts', 'a=x', 'failed to parse additional hosts: failed to parse IP x'],
  ['shm-size', 'x', 'failed to parse shm size: strconv.ParseInt: parsing "x": invalid syntax'],
  ['ulimit', 'nofile', 'failed to parse ulimit: invalid ulimit argument: nofile'],
  ['ulimit', 'x=1', 'failed to parse ulimit: invalid ulimit type: x'],
  ['ulimit', 'core=2:1', 'failed to parse ulimit: ulimit soft limit must be less than or equal to hard limit: 2 > 1'],
  ['force-network-mode', 'x', 'invalid netmode x'],
  ['multi-platform', 'x', 'invalid boolean value for multi-platform: x'],
  ['build-arg:SOURCE_DATE_EPOCH', 'x', 'invalid SOURCE_DATE_EPOCH: x'],
  ['build-arg:BUILDKIT_DOCKERFILE_CHECK', 'error=x', 'failed to parse build-arg:BUILDKIT_DOCKERFILE_CHECK: failed to parse check option'],
  ['cache-imports', '{}', 'failed to unmarshal cache-imports ("{}")'],
  ['attest:other', '', 'unknown attestation type "other"'],
  ['override-copy-image', 'x', 'support for "override-copy-image" was removed'],
  ['build-arg:BUILDKIT_DISABLE_FILEOP', 'true', 'support for "BUILDKIT_DISABLE_FILEOP" build-arg was removed'],
])('%s=%s is refused', (name, value, message) => {
  expect(() => read({ [name]: value })).toThrow(message);
});
