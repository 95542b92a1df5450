import type { Spec } from '@gantry/oci';

export type Json = Record<string, unknown>;

/** Enough around each field that it can be set alone. */
export function wholeSpec(path: string): Spec {
  const inUserNamespace = /^linux\.[ug]idMappings/.test(path);
  const map = () => [{ containerID: 0, hostID: 1000, size: 1 }];
  const deadline = /^process\.scheduler\.(runtime|deadline|period)/.test(path);
  return {
    ociVersion: '1.2.0',
    annotations: { k: 'v' },
    hostname: 'a',
    domainname: 'a',
    root: { path: 'r' },
    process: {
      cwd: '/',
      args: ['true'],
      env: [],
      user: { uid: 0, gid: 0 },
      terminal: path.startsWith('process.consoleSize'),
      consoleSize: { height: 1, width: 1 },
      capabilities: {},
      rlimits: [{ type: 'RLIMIT_CORE', soft: 1, hard: 3 }],
      ioPriority: { class: 'IOPRIO_CLASS_BE' },
      ...(path.startsWith('process.scheduler') ? { scheduler: { policy: deadline ? 'SCHED_DEADLINE' : 'SCHED_OTHER' } } : {}),
    },
    hooks: Object.fromEntries(
      ['prestart', 'createRuntime', 'createContainer', 'startContainer', 'poststart', 'poststop'].map((name) => [name, [{ path: '/h' }]]),
    ),
    mounts: [
      {
        destination: '/m',
        type: 'bind',
        source: '/s',
        options: [],
        ...(path.startsWith('mounts[].') && path.includes('Mappings') ? { uidMappings: map(), gidMappings: map() } : {}),
      },
      { destination: '/t', type: 'tmpfs' },
    ],
    linux: {
      namespaces: [...(['ipc', 'mount', 'uts', 'time', 'network'] as const), ...(inUserNamespace ? (['user'] as const) : [])].map(
        (type) => ({ type }),
      ),
      ...(inUserNamespace ? { uidMappings: map(), gidMappings: map() } : {}),
      devices: [{ path: '/dev/x', type: 'c', major: 1, minor: 1 }],
      resources: {
        devices: [{ allow: true, type: 'c', major: 1, minor: 1, access: 'r' }],
        hugepageLimits: [{ pageSize: '2MB', limit: 1 }],
        rdma: { k: {} },
        ...(path.includes('network.priorities') ? { network: { priorities: [{ name: 'n', priority: 1 }] } } : {}),
        memory: { limit: 100 },
        cpu: {},
        pids: {},
        unified: {},
        blockIO: {
          weightDevice: [{ major: 1, minor: 1, weight: 5 }],
          ...Object.fromEntries(
            ['throttleReadBpsDevice', 'throttleWriteBpsDevice', 'throttleReadIOPSDevice', 'throttleWriteIOPSDevice'].map((name) => [
              name,
              [{ major: 1, minor: 1, rate: 1 }],
            ]),
          ),
        },
      },
      ...(path.startsWith('linux.memoryPolicy') ? { memoryPolicy: { mode: 'MPOL_BIND', nodes: '0' } } : {}),
      seccomp: {
        defaultAction: path.endsWith('defaultErrnoRet') ? 'SCMP_ACT_ERRNO' : 'SCMP_ACT_ALLOW',
        ...(path.includes('listener') ? { listenerPath: '/l' } : {}),
        syscalls: [
          {
            names: ['close'],
            action: path.includes('listener') ? 'SCMP_ACT_NOTIFY' : 'SCMP_ACT_ERRNO',
            ...(path.includes('args[]') ? { args: [{ index: 0, value: 3, op: 'SCMP_CMP_MASKED_EQ' as const, valueTwo: 1 }] } : {}),
          },
        ],
      },
    },
  } as unknown as Spec;
}

/** A copy with one field, named as in schemaFields, set. */
export function setField(spec: Spec, path: string, value: unknown): Spec {
  const result = structuredClone(spec);
  const steps = path
    .split('.')
    .flatMap((part) => part.replace('[]', '.0').replace('{}', '.KEY').split('.'))
    .map((step) => (step === 'KEY' ? (path.startsWith('linux.sysctl') ? 'net.core.somaxconn' : 'k') : step));
  let at = result as unknown as Json;
  steps.forEach((step, i) => {
    if (i === steps.length - 1) at[step] = value;
    else at = (at[step] ??= /^\d+$/.test(steps[i + 1] ?? '') ? [] : {}) as Json;
  });
  return result;
}
