/**
 * Every field of config.json that the runtime specification's schema (1.3) knows for Linux, with two values that differ. `[]` is the first element
 * of a list, `{}` the member of a map. The fields around it are those of wholeSpec().
 */
export type FieldValues = readonly [path: string, one: unknown, other: unknown];

const hook = (name: string): FieldValues[] => [[`hooks.${name}[].path`, '/a', '/b'], [`hooks.${name}[].args[]`, 'a', 'b'], [`hooks.${name}[].env[]`, 'A=a', 'A=b'], [`hooks.${name}[].timeout`, 1, 2]];
const map = (path: string): FieldValues[] => [[`${path}[].containerID`, 0, 1], [`${path}[].hostID`, 1000, 2000], [`${path}[].size`, 1, 2]];
const throttle = (name: string): FieldValues[] => ['major', 'minor', 'rate'].map((field) => [`linux.resources.blockIO.${name}[].${field}`, 7, 8]);
const each = (prefix: string, fields: Readonly<Record<string, readonly [unknown, unknown]>>): FieldValues[] => Object.entries(fields).map(([name, [one, other]]) => [`${prefix}.${name}`, one, other]);

export const schemaFields: readonly FieldValues[] = [
  ['ociVersion', '1.2.0', '1.0.2'], ['hostname', 'a', 'b'], ['domainname', 'a', 'b'], ['annotations{}', 'a', 'b'], ['root.path', 'a', 'b'], ['root.readonly', false, true],
  ...['prestart', 'createRuntime', 'createContainer', 'startContainer', 'poststart', 'poststop'].flatMap(hook),
  ['mounts[].source', '/a', '/b'], ['mounts[].destination', '/a', '/b'], ['mounts[].options[]', 'ro', 'rnosuid'], ['mounts[].type', 'bind', 'proc'],
  ...map('mounts[].uidMappings'), ...map('mounts[].gidMappings'),
  ...each('process', {
    'args[]': ['a', 'b'], cwd: ['/a', '/b'], 'env[]': ['A=a', 'A=b'], terminal: [false, true], apparmorProfile: ['a', 'b'], oomScoreAdj: [1, 2], selinuxLabel: ['a', 'b'], noNewPrivileges: [false, true],
    commandLine: ['a', 'b'], 'consoleSize.height': [1, 2], 'consoleSize.width': [1, 2],
  }),
  ...each('process.user', { uid: [1, 2], gid: [1, 2], umask: [1, 2], 'additionalGids[]': [1, 2], username: ['a', 'b'] }),
  ...['bounding', 'permitted', 'effective', 'inheritable', 'ambient'].map((set): FieldValues => [`process.capabilities.${set}[]`, 'CAP_KILL', 'CAP_CHOWN']),
  ...each('process', { 'ioPriority.class': ['IOPRIO_CLASS_BE', 'IOPRIO_CLASS_IDLE'], 'ioPriority.priority': [1, 2], 'execCPUAffinity.initial': ['0', '1'], 'execCPUAffinity.final': ['0', '1'] }),
  ...each('process.scheduler', { policy: ['SCHED_OTHER', 'SCHED_BATCH'], nice: [1, 2], priority: [1, 2], 'flags[]': ['SCHED_FLAG_RESET_ON_FORK', 'SCHED_FLAG_RECLAIM'], runtime: [1, 2], deadline: [1, 2], period: [1, 2] }),
  ...each('process.rlimits[]', { type: ['RLIMIT_CORE', 'RLIMIT_NOFILE'], soft: [1, 2], hard: [3, 4] }),
  ...each('linux.devices[]', { type: ['c', 'b'], path: ['/dev/a', '/dev/b'], fileMode: [0o600, 0o640], major: [1, 2], minor: [1, 2], uid: [1, 2], gid: [1, 2] }),
  ['linux.netDevices{}.name', 'a', 'b'], ...map('linux.uidMappings'), ...map('linux.gidMappings'), ['linux.namespaces[].type', 'ipc', 'pid'], ['linux.namespaces[].path', '/a', '/b'],
  ...each('linux.resources', { 'unified{}': ['1', '2'], 'pids.limit': [1, 2], 'hugepageLimits[].pageSize': ['2MB', '1GB'], 'hugepageLimits[].limit': [1, 2], 'rdma{}.hcaHandles': [1, 2], 'rdma{}.hcaObjects': [1, 2] }),
  ...each('linux.resources.devices[]', { allow: [false, true], type: ['c', 'b'], major: [1, 2], minor: [1, 2], access: ['r', 'rw'] }),
  ...['throttleReadBpsDevice', 'throttleWriteBpsDevice', 'throttleReadIOPSDevice', 'throttleWriteIOPSDevice'].flatMap(throttle),
  ...each('linux.resources.blockIO', { weight: [10, 20], leafWeight: [10, 20], 'weightDevice[].major': [1, 2], 'weightDevice[].minor': [1, 2], 'weightDevice[].weight': [10, 20], 'weightDevice[].leafWeight': [10, 20] }),
  ...each('linux.resources.cpu', { cpus: ['0', '1'], mems: ['0', '1'], period: [1000, 2000], quota: [1000, 2000], burst: [1, 2], realtimePeriod: [1, 2], realtimeRuntime: [1, 2], shares: [2, 3], idle: [0, 1] }),
  ...each('linux.resources.memory', {
    kernel: [1, 2], kernelTCP: [1, 2], limit: [1000, 2000], reservation: [1, 2], swap: [3000, 4000], swappiness: [1, 2], disableOOMKiller: [false, true], useHierarchy: [false, true], checkBeforeUpdate: [false, true],
  }),
  ...each('linux.resources.network', { classID: [1, 2], 'priorities[].name': ['a', 'b'], 'priorities[].priority': [1, 2] }),
  ...each('linux', {
    cgroupsPath: ['/a', '/b'], rootfsPropagation: ['rslave', 'rshared'], 'sysctl{}': ['1', '2'], 'maskedPaths[]': ['/a', '/b'], 'readonlyPaths[]': ['/a', '/b'], mountLabel: ['a', 'b'],
    'personality.domain': ['LINUX', 'LINUX32'], 'personality.flags[]': ['a', 'b'],
  }),
  ...each('linux.seccomp', {
    defaultAction: ['SCMP_ACT_ALLOW', 'SCMP_ACT_LOG'], defaultErrnoRet: [1, 2], 'flags[]': ['SECCOMP_FILTER_FLAG_LOG', 'SECCOMP_FILTER_FLAG_SPEC_ALLOW'], listenerPath: ['/a', '/b'], listenerMetadata: ['a', 'b'],
    'architectures[]': ['SCMP_ARCH_X86', 'SCMP_ARCH_AARCH64'], 'syscalls[].names[]': ['read', 'write'], 'syscalls[].action': ['SCMP_ACT_ERRNO', 'SCMP_ACT_KILL'], 'syscalls[].errnoRet': [1, 2],
    'syscalls[].args[].index': [0, 1], 'syscalls[].args[].value': [1, 2], 'syscalls[].args[].valueTwo': [1, 2], 'syscalls[].args[].op': ['SCMP_CMP_MASKED_EQ', 'SCMP_CMP_GT'],
  }),
  ...each('linux.intelRdt', { closID: ['a', 'b'], 'schemata[]': ['a', 'b'], l3CacheSchema: ['a', 'b'], memBwSchema: ['a', 'b'], enableMonitoring: [false, true] }),
  ...each('linux.memoryPolicy', { mode: ['MPOL_BIND', 'MPOL_INTERLEAVE'], nodes: ['0', '1'], 'flags[]': ['MPOL_F_STATIC_NODES', 'MPOL_F_RELATIVE_NODES'] }),
  ...each('linux.timeOffsets', { 'boottime.secs': [1, 2], 'boottime.nanosecs': [1, 2], 'monotonic.secs': [1, 2], 'monotonic.nanosecs': [1, 2] }),
  ...['solaris', 'windows', 'vm', 'zos', 'freebsd'].map((name): FieldValues => [name, { a: 1 }, { a: 2 }]),
];
