import { NamespaceMode, PodSandboxConfig } from '@gantry/api/runtime/v1/api';
import { newContext } from '@gantry/rpc';
import { Names } from '../names';
import { checkCidrs } from '../runtime/cidrs';
import { parseInterfaces, usageOfInterface } from '../stats/interfaces';
import { checkPod } from './check';
import { addByCni, requestOf } from './cni';
import { resolvConf } from './files';
import { byPrefix } from './find';
import { podSpec } from './run';
import { checkSameIds } from './userns';

const pod = (change: object = {}) =>
  PodSandboxConfig.fromPartial({ metadata: { name: 'p', namespace: 'n', uid: 'u' }, hostname: 'h', ...change });
const withModes = (namespaceOptions: object) => pod({ linux: { securityContext: { namespaceOptions } } });

test('the namespaces that a pod holds', () => {
  const types = (config: PodSandboxConfig) => podSpec(config).linux?.namespaces?.map(({ type }) => type);
  expect(types(pod())).toEqual(['network', 'uts', 'ipc', 'pid']);
  expect(types(withModes({ pid: NamespaceMode.CONTAINER }))).toEqual(['network', 'uts', 'ipc']);
  expect(types(withModes({ network: NamespaceMode.NODE, ipc: NamespaceMode.NODE, pid: NamespaceMode.NODE }))).toEqual([]);
  expect(podSpec(withModes({ network: NamespaceMode.NODE })).linux?.sysctl).toEqual({});
  expect(podSpec(pod({ linux: { sysctls: { 'net.ipv4.ip_unprivileged_port_start': '80' } } })).linux?.sysctl).toMatchObject({
    'net.ipv4.ip_unprivileged_port_start': '80',
    'net.ipv4.ping_group_range': '0 2147483647',
  });
});

test('what a pod as a whole may use is noted', () => {
  const notes = (resources: object) => podSpec(pod({ linux: { resources } })).annotations;
  expect(notes({})).toEqual({});
  expect(notes({ cpuPeriod: 1n, cpuQuota: 2n, cpuShares: 3n, memoryLimitInBytes: 4n })).toEqual({
    'io.kubernetes.cri.sandbox-cpu-period': '1',
    'io.kubernetes.cri.sandbox-cpu-quota': '2',
    'io.kubernetes.cri.sandbox-cpu-shares': '3',
    'io.kubernetes.cri.sandbox-memory': '4',
  });
});

test('ranges of pods', () => {
  expect(['', '10.0.0.0/24', '10.0.0.0/24,fd00::/64'].map(checkCidrs)).toEqual(['', '10.0.0.0/24', '10.0.0.0/24,fd00::/64']);
  for (const wrong of ['x', '10.0.0.0', '10.0.0.0/33', '10.0.0.0/24,', 'fd00::/129'])
    expect(() => checkCidrs(wrong)).toThrow('is not a range of addresses');
});

test('who answers names', async () => {
  expect(await resolvConf({ dnsConfig: { servers: ['10.0.0.10'], searches: ['a', 'b'], options: ['ndots:5'] } })).toBe(
    'search a b\nnameserver 10.0.0.10\noptions ndots:5\n',
  );
});

const range = (length: number) => ({ containerId: 0, hostId: 100000, length });
const userns = { mode: NamespaceMode.POD, uids: [range(65536)], gids: [range(65536)] };

test('a pod with ids of its own has them in its spec, and its containers no others', () => {
  const spec = podSpec(withModes({ usernsOptions: userns, ...{ network: NamespaceMode.POD } }));
  const map = [{ containerID: 0, hostID: 100000, size: 65536 }];
  expect(spec.linux).toMatchObject({ uidMappings: map, gidMappings: map });
  expect(spec.linux?.namespaces?.map(({ type }) => type)).toContain('user');
  expect(Object.keys(spec.linux?.sysctl ?? {})).toEqual(['net.ipv4.ip_unprivileged_port_start']);
  const given = withModes({ usernsOptions: userns }).linux?.securityContext?.namespaceOptions?.usernsOptions;
  checkSameIds(given, given);
  checkSameIds(given, undefined);
  expect(() => checkSameIds(undefined, given)).toThrow('user namespace config for sandbox is different from container');
});

test.each([
  [pod({ metadata: undefined }), 'must include metadata'],
  [pod({ windows: {} }), 'windows'],
  [withModes({ network: NamespaceMode.NODE }), 'private UTS namespace'],
  [withModes({ usernsOptions: { mode: NamespaceMode.POD } }), 'only one uid mapping is supported, got 0'],
  [withModes({ usernsOptions: { mode: NamespaceMode.POD, uids: [range(1)], gids: [range(0)] } }), 'length zero for gids'],
  [withModes({ usernsOptions: { mode: NamespaceMode.NODE, uids: [range(1)] } }), 'mode NODE with ID mappings'],
  [withModes({ usernsOptions: { mode: NamespaceMode.CONTAINER } }), 'unsupported user namespace mode: CONTAINER'],
  [withModes({ pid: NamespaceMode.NODE, usernsOptions: userns }), "the host's pid namespace in a pod with a user namespace"],
  [withModes({ ipc: NamespaceMode.CONTAINER }), 'POD or NODE'],
  [pod({ linux: { securityContext: { runAsGroup: { value: 1n } } } }), 'run_as_group'],
])('a pod that cannot be is refused by name', (config, words) => expect(() => checkPod(config, { selinux: true })).toThrow(words));

test('a label means nothing where the kernel has no SELinux', () => {
  const config = PodSandboxConfig.fromPartial({ metadata: { name: 'p' }, linux: { securityContext: { selinuxOptions: { level: 's0' } } } });
  checkPod(config, { selinux: false });
  expect(() => checkPod(config, { selinux: true })).toThrow('security_context.selinux_options');
});

test('names are held until they are released, ids are found by their beginning', () => {
  const names = new Names();
  names.reserve('sandbox', 'a', '1');
  names.reserve('container', 'a', '2');
  expect(() => names.reserve('sandbox', 'a', '3')).toThrow('name "a" is reserved for "1"');
  names.release('1');
  names.reserve('sandbox', 'a', '3');
  const all = [{ id: 'ab' }, { id: 'ac' }];
  expect(byPrefix(all, 'ac')).toEqual({ id: 'ac' });
  expect(byPrefix(all, 'x')).toBeUndefined();
  expect(() => byPrefix(all, 'a')).toThrow('Multiple IDs found with provided prefix: a');
  expect(() => byPrefix(all, '')).toThrow("prefix can't be empty");
});

test('interfaces as the kernel counts them', () => {
  const text = 'Inter-| Receive\n face |bytes\n    lo: 1 2 3 4 5 6 7 8 9 10 11\n  eth0: 100 1 2 0 0 0 0 0 200 3 4 0 0 0 0 0\n';
  expect(
    parseInterfaces(text)
      .map(usageOfInterface)
      .find(({ name }) => name === 'eth0'),
  ).toEqual({
    name: 'eth0',
    rxBytes: { value: 100n },
    rxErrors: { value: 2n },
    txBytes: { value: 200n },
    txErrors: { value: 4n },
  });
});

test('CNI programs are told of the pod; without a configuration nobody is asked', async () => {
  const config = pod({
    portMappings: [{ hostPort: 80, containerPort: 8080 }, { containerPort: 9 }],
    dnsConfig: { servers: ['10.0.0.10'] },
  });
  expect(requestOf({ id: 'i', pid: 7, config })).toMatchObject({
    sandboxId: 'i',
    netnsPath: '/proc/7/ns/net',
    args: { IgnoreUnknown: '1', K8S_POD_NAMESPACE: 'n', K8S_POD_NAME: 'p', K8S_POD_INFRA_CONTAINER_ID: 'i', K8S_POD_UID: 'u' },
    portMappings: [{ protocol: 'tcp', containerPort: 8080, hostPort: 80, hostIp: '' }],
    dns: { servers: ['10.0.0.10'] },
  });
  const cni = (networkName: string) =>
    ({
      getPodNetworkStatus: () => Promise.resolve({ networkName }),
      addPod: () => Promise.resolve({ network: { ipAddresses: ['10.1.2.3', 'fd00::3'] } }),
    }) as never;
  expect(await addByCni(cni(''), newContext(), { id: 'i', pid: 7, config })).toBeUndefined();
  expect(await addByCni(cni('pods'), newContext(), { id: 'i', pid: 7, config })).toEqual(['10.1.2.3', 'fd00::3']);
});
