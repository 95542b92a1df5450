import { Status } from '@gantry/api/containerd/v1/types/task';
import {
  ContainerConfig,
  ContainerState,
  LinuxContainerResources,
  LinuxContainerSecurityContext,
  PodSandboxConfig,
  Signal,
} from '@gantry/api/runtime/v1/api';
import { failedPrecondition, newContext, notFound } from '@gantry/rpc';
import type { Needs } from '../sandboxes/needs';
import type { Pod } from '../sandboxes/pod';
import { apparmorOf } from './apparmor';
import { checkContainer } from './check';
import { undoCutOff } from './cut-off';
import { lowestScore } from './oom-score';
import { declaredPlaces } from './declared-volumes';
import { devicesOf } from './devices';
import { endTask } from './end-task';
import { type Contained, containedOf, type ContainerFacts, extensionsOf } from './record';
import { cgroupOf, limitsHugePages, resourcesOf } from './resources';
import { seccompOf } from './seccomp';
import { reasonOf, recordedState, settled, starting, stateOf } from './settle';
import { signalNumber, signalWord, stopSignalOf } from './signals';
import { commandOf } from './spec';
import { userOf } from './user';

const security = (change: object) => LinuxContainerSecurityContext.fromPartial(change);

test.each([
  [{}, {}, ['/entry', 'cmd']],
  [{ args: ['a'] }, {}, ['/entry', 'a']],
  [{ command: ['/c'] }, {}, ['/c']],
  [{ command: ['/c'], args: ['a'] }, {}, ['/c', 'a']],
])('command %j', (given, _image, expected) =>
  expect(commandOf(ContainerConfig.fromPartial(given), { Entrypoint: ['/entry'], Cmd: ['cmd'] })).toEqual(expected),
);

test('nothing to run is refused', () => expect(() => commandOf(ContainerConfig.create(), {})).toThrow('no command specified'));

test.each([
  ['', 15],
  ['SIGUSR1', 10],
  ['quit', 3],
  ['9', 9],
  ['SIGRTMIN+3', 37],
  ['RTMAX-1', 63],
])('stop signal %s of an image is %i', (text, number) => expect(stopSignalOf(Signal.SIGNAL_RUNTIME_DEFAULT, text)).toBe(number));

test('a word that is no signal is told', () =>
  expect(() => stopSignalOf(Signal.SIGNAL_RUNTIME_DEFAULT, 'nonsense')).toThrow('stop signal "nonsense" is not known'));

test.each(Object.values(Signal).filter((each) => typeof each === 'number' && each > 0))(
  'signal %i of kubelet is one of the kernel',
  (each) => {
    expect(stopSignalOf(each as Signal, undefined)).toBeGreaterThan(0);
  },
);

test('files are labelled anew where there are labels only', () => {
  const pod = { id: 'p', config: PodSandboxConfig.create() } as Pod;
  const config = ContainerConfig.fromPartial({
    metadata: { name: 'c' },
    mounts: [{ containerPath: '/a', hostPath: '/a', selinuxRelabel: true }],
  });
  checkContainer(config, pod, { selinux: false });
  const labelled = ContainerConfig.fromPartial({
    metadata: { name: 'c' },
    linux: { securityContext: { selinuxOptions: { level: 's0' } } },
  });
  checkContainer(labelled, pod, { selinux: false });
  expect(() => checkContainer(config, pod, { selinux: true })).toThrow('mount "/a": selinux_relabel');
});

test('kubelet names signals, and is told the same name', () => {
  expect(stopSignalOf(Signal.SIGNAL_SIGUSR1, 'SIGQUIT')).toBe(10);
  expect(stopSignalOf(Signal.SIGNAL_SIGRTMINPLUS3, undefined)).toBe(37);
  expect(stopSignalOf(Signal.SIGNAL_SIGRTMAXMINUS14, undefined)).toBe(50);
  for (const signal of [Signal.SIGNAL_SIGTERM, Signal.SIGNAL_SIGUSR2, Signal.SIGNAL_SIGRTMINPLUS3])
    expect(signalWord(stopSignalOf(signal, undefined))).toBe(signal);
  expect(signalNumber('99')).toBeUndefined();
});

test('limits are what is said; memory without a word on swap has none', () => {
  const given = (change: object) => resourcesOf(LinuxContainerResources.fromPartial(change));
  expect(given({})).toEqual({});
  expect(given({ memoryLimitInBytes: 64n, cpuShares: 2n, cpusetCpus: '0' })).toEqual({
    memory: { limit: 64, swap: 64 },
    cpu: { shares: 2, cpus: '0' },
  });
  expect(given({ memoryLimitInBytes: 64n, memorySwapLimitInBytes: 128n, unified: { 'memory.high': '1' } })).toEqual({
    memory: { limit: 64, swap: 128 },
    unified: { 'memory.high': '1' },
  });
});

test('that there are no huge pages for it is not said to a host without a cgroup for them', () => {
  const [none, some] = [
    { pageSize: '2MB', limit: 0n },
    { pageSize: '1GB', limit: 1_073_741_824n },
  ];
  const given = LinuxContainerResources.fromPartial({ hugepageLimits: [none, some] });
  const said = (...limits: { pageSize: string; limit: bigint }[]) => ({
    hugepageLimits: limits.map(({ pageSize, limit }) => ({ pageSize, limit: Number(limit) })),
  });
  expect(resourcesOf(given, true)).toEqual(said(none, some));
  expect(resourcesOf(given, false)).toEqual(said(some));
  expect(resourcesOf(LinuxContainerResources.fromPartial({ hugepageLimits: [none] }), false)).toEqual({});
  const host = (mode: 'v1' | 'v2' | 'hybrid', version?: 1 | 2) =>
    limitsHugePages({ mode, find: () => (version === undefined ? undefined : { version, controllers: ['hugetlb'], path: '/', own: '/' }) });
  expect([host('v2', 2), host('v1', 1), host('hybrid', 1)]).toEqual([true, true, true]);
  expect([host('v2'), host('v1'), host('hybrid', 2)]).toEqual([false, false, false]);
});

test.each([
  ['', false, '/k8s.io/c'],
  ['/kubepods/pod1/', false, '/kubepods/pod1/c'],
  ['/kubepods.slice/kubepods-pod1.slice', true, 'kubepods-pod1.slice:cri-gantry:c'],
])('cgroup below "%s", systemd %s', (parent, systemd, path) => expect(cgroupOf(parent, 'c', systemd)).toBe(path));

test('who a process is', () => {
  const files = { passwd: 'root:x:0:0::/root:\nweb:x:5:6::/web:', group: 'extra:x:7:web' };
  expect(userOf(undefined, 'web', files)).toMatchObject({ uid: 5, gid: 6, additionalGids: [6, 7] });
  expect(userOf(security({ runAsUser: { value: 5n }, runAsGroup: { value: 9n }, supplementalGroups: [8n] }), '', files)).toMatchObject({
    uid: 5,
    gid: 9,
    additionalGids: [9, 7, 8],
  });
  expect(
    userOf(security({ runAsUsername: 'web', supplementalGroups: [8n], supplementalGroupsPolicy: 1 }), '', files).additionalGids,
  ).toEqual([6, 8]);
  expect(() => userOf(security({ runAsGroup: { value: 9n } }), '', files)).toThrow('run_as_group');
  expect(() => userOf(security({ runAsUsername: 'nobody' }), '', files)).toThrow('nobody');
});

test('which system calls it may make', async () => {
  expect(await seccompOf(undefined)).toBe('unconfined');
  expect(await seccompOf(security({ seccomp: { profileType: 0 } }))).toBe('default');
  expect(await seccompOf(security({ seccomp: { profileType: 1 } }))).toBe('unconfined');
  expect(await seccompOf(security({ privileged: true, seccomp: { profileType: 0 } }))).toBe('unconfined');
  await expect(seccompOf(security({ seccomp: { profileType: 2, localhostRef: '/nosuch' } }))).rejects.toThrow('"/nosuch" cannot be used');
});

test('a profile of AppArmor is one that the kernel has, and none is refused where it has no AppArmor', () => {
  const of = (change: object, loaded?: string[]) => apparmorOf(security(change), loaded && new Set(loaded));
  expect(of({})).toBeUndefined();
  expect(of({ apparmor: { profileType: 1 } })).toBeUndefined();
  for (const change of [
    { apparmor: { profileType: 0 } },
    { apparmor: { profileType: 2, localhostRef: 'x' } },
    { apparmorProfile: 'localhost/x' },
  ])
    expect(() => of(change)).toThrow('apparmor is not supported');
  expect(of({}, ['docker-default', 'x'])).toBe('docker-default');
  expect(of({ privileged: true }, ['docker-default'])).toBeUndefined();
  expect(of({ apparmor: { profileType: 0 } }, ['x'])).toBeUndefined();
  expect(of({ apparmor: { profileType: 1 } }, ['docker-default'])).toBeUndefined();
  expect(of({ apparmor: { profileType: 2, localhostRef: 'x' } }, ['x'])).toBe('x');
  expect(of({ apparmorProfile: 'localhost/x' }, ['x'])).toBe('x');
  expect(of({ apparmorProfile: 'unconfined' }, ['docker-default'])).toBeUndefined();
  expect(() => of({ apparmor: { profileType: 2, localhostRef: 'y' } }, ['x'])).toThrow('apparmor profile not found y');
  expect(() => of({ apparmorProfile: 'nonsense' }, ['x'])).toThrow('invalid security profile "nonsense"');
});

test('devices that nobody describes are told by their names, from wherever they are asked for', async () => {
  const asked = (change: object) => devicesOf([], ContainerConfig.fromPartial(change), { warn: () => undefined });
  expect(await asked({})).toEqual([]);
  await expect(asked({ CDIDevices: [{ name: 'v/x=0' }], annotations: { 'cdi.k8s.io/p': 'v/x=0,v/x=1', other: 'v/x=2' } })).rejects.toThrow(
    'CDI device injection failed: unresolvable CDI devices v/x=0, v/x=1',
  );
});

test('volumes that an image declares are made where nothing else is mounted', () => {
  expect(declaredPlaces({ '/b': {}, '/a/': {}, c: {}, '/c': {}, '/': {}, '/d/../e': {} }, ['/b/', 'x'])).toEqual(['/a', '/c', '/e']);
  expect(declaredPlaces(undefined, [])).toEqual([]);
});

test('a container is what its record and its task say', () => {
  const of = (change: object, status?: Status) =>
    stateOf({ facts: { startedAt: '', ...change } } as never, status === undefined ? undefined : { status });
  expect(of({})).toBe(ContainerState.CONTAINER_CREATED);
  expect(of({ startedAt: '1' }, Status.CREATED)).toBe(ContainerState.CONTAINER_CREATED);
  expect(of({ startedAt: '1' }, Status.RUNNING)).toBe(ContainerState.CONTAINER_RUNNING);
  expect(of({ startedAt: '1' }, Status.STOPPED)).toBe(ContainerState.CONTAINER_EXITED);
  expect(of({ startedAt: '1' })).toBe(ContainerState.CONTAINER_EXITED);
  expect([reasonOf(0, true), reasonOf(137, true), reasonOf(137, false), reasonOf(1, true)]).toEqual([
    'Completed',
    'OOMKilled',
    'Error',
    'Error',
  ]);
});

test.each([
  [{ mounts: [{ containerPath: '/a', hostPath: '/a', image: {} }] }, 'mount "/a": host_path must be empty'],
  [{ mounts: [{ containerPath: '/a', image: { image: 'x' } }] }, 'mount "/a": readonly must be true'],
  [{ mounts: [{ containerPath: '/a', image: {}, readonly: true }] }, 'mount "/a": image must be named'],
  [{ mounts: [{ containerPath: '/a', hostPath: '/a', imageSubPath: 'x' }] }, 'image_sub_path needs image'],
  [{ mounts: [{ containerPath: '/a', hostPath: '/a', mountOptions: ['noexec', 'upperdir=/'] }] }, 'mount_options: "upperdir=/"'],
  [{ mounts: [{ containerPath: '/a', hostPath: '/a', uidMappings: [{ hostId: 1, containerId: 0, length: 1 }] }] }, 'come together'],
  [{ mounts: [{ containerPath: '/a' }] }, 'host_path must be set'],
  [{ mounts: [{ containerPath: '/a', hostPath: '/a', recursiveReadOnly: true }] }, 'needs readonly'],
  [{ mounts: [{ containerPath: '/a', hostPath: '/a', readonly: true, recursiveReadOnly: true, propagation: 1 }] }, 'to be private'],
  [{ linux: { securityContext: { privileged: true } } }, 'no privileged container allowed'],
  [{ linux: { securityContext: { selinuxOptions: { type: 'x' } } } }, 'selinux_options'],
])('%j is refused by name', (change, words) => {
  const pod = { id: 'p', config: PodSandboxConfig.create() } as Pod;
  expect(() => checkContainer(ContainerConfig.fromPartial({ metadata: { name: 'c' }, ...change }), pod, { selinux: true })).toThrow(words);
});

test.each([
  ['with the capability', '000001ffffffffff', '         0          0 4294967295\n', -1000],
  ['without it', '000001fffeffffff', '         0          0 4294967295\n', 7],
  ['with it over a part of the machine', '000001ffffffffff', '         0     100000      65536\n', 7],
])('scores %s', (_how, bits, uidMap, expected) =>
  expect(lowestScore({ status: `Name:\tnode\nCapEff:\t${bits}\nCapBnd:\t0\n`, uidMap, score: '7\n' })).toBe(expected),
);

test('a container that is being started has not ended for want of a task: who starts it tells how that went', async () => {
  const container = { id: 's', facts: { startedAt: '1' } } as Contained;
  const services = { tasks: { get: () => Promise.reject(notFound('no task')) } };
  starting.add('s');
  try {
    expect(stateOf(container, undefined)).toBe(ContainerState.CONTAINER_CREATED);
    expect(await settled({ services } as unknown as Needs, newContext({ namespace: 'k8s.io' }), container)).toBe(container);
  } finally {
    starting.delete('s');
  }
  expect(stateOf(container, undefined)).toBe(ContainerState.CONTAINER_EXITED);
});

describe('the task of a start', () => {
  const world = (status: Status) => {
    const said: string[] = [];
    const refused = failedPrecondition('it runs');
    const tasks = {
      get: async () => ({ process: { status } }),
      delete: async () => (said.push('delete'), said.includes('wait') || status !== Status.RUNNING ? {} : Promise.reject(refused)),
      kill: async () => (said.push('kill'), {}),
      wait: async () => (said.push('wait'), {}),
    };
    const facts = { startedAt: '1', podId: 'p' } as ContainerFacts;
    const extensions = extensionsOf({ config: ContainerConfig.create(), facts });
    const containers = {
      get: async () => ({ container: { id: 'c', extensions } }),
      update: async (_ctx: unknown, { container }: { container: { extensions: object } }) => {
        said.push(`started at '${containedOf({ ...container, id: 'c' } as never)?.facts.startedAt}'`);
      },
    };
    const needs = { services: { tasks, containers }, logger: { warn: (_about: unknown, words: string) => said.push(words) } };
    return { said, needs: needs as unknown as Needs, container: { id: 'c', facts } as Contained };
  };
  const ctx = newContext({ namespace: 'k8s.io' });

  it('that failed though it runs is killed before it is taken away', async () => {
    const { said, needs } = world(Status.RUNNING);
    await endTask(needs, ctx, 'c');
    expect(said).toEqual(['delete', 'kill', 'wait', 'delete']);
  });

  it('that a former life did not finish is taken back; one that ran, or is being started, is left alone', async () => {
    const { said, needs, container } = world(Status.CREATED);
    await undoCutOff(needs, ctx, container);
    expect([said, starting.has('c')]).toEqual([['delete', "started at ''"], false]);
    const running = world(Status.RUNNING);
    await undoCutOff(running.needs, ctx, running.container);
    const busy = world(Status.CREATED);
    starting.add('c');
    await undoCutOff(busy.needs, ctx, busy.container);
    starting.delete('c');
    expect([running.said, busy.said]).toEqual([[], []]);
  });

  it('is not asked for in lists: the record says what runs, and who starts it that it does not yet', () => {
    const of = (facts: object) => recordedState({ id: 'c', facts } as never);
    expect([of({ startedAt: '' }), of({ startedAt: '1' }), of({ startedAt: '1', ended: {} })]).toEqual([
      ContainerState.CONTAINER_CREATED,
      ContainerState.CONTAINER_RUNNING,
      ContainerState.CONTAINER_EXITED,
    ]);
    starting.add('c');
    expect(of({ startedAt: '1' })).toBe(ContainerState.CONTAINER_CREATED);
    starting.delete('c');
  });
});
