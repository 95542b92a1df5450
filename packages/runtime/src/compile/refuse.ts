import { invalidArgument } from '@gantry/rpc/errors';

/** Which fields are honoured: true = whole, false = not at all, an object = its fields, a one-element array = each element. */
export type Honoured = boolean | { readonly [field: string]: Honoured } | readonly [Honoured];

const idMapping = { containerID: true, hostID: true, size: true } as const;
const hook = { path: true, args: true, env: true, timeout: true } as const;

export const honouredProcess = {
  commandLine: false,
  terminal: true, consoleSize: { height: true, width: true }, args: true, env: true, cwd: true, noNewPrivileges: true,
  user: { uid: true, gid: true, umask: true, additionalGids: true, username: false },
  capabilities: { bounding: true, effective: true, inheritable: true, permitted: true, ambient: true },
  rlimits: [{ type: true, soft: true, hard: true }],
  apparmorProfile: true, selinuxLabel: true, oomScoreAdj: true,
  ioPriority: { class: true, priority: true },
  execCPUAffinity: { initial: true, final: true },
  scheduler: { policy: true, nice: true, priority: true, flags: true, runtime: true, deadline: true, period: true },
} as const satisfies Honoured;

export const honouredSpec = {
  ociVersion: true, process: honouredProcess, root: { path: true, readonly: true }, hostname: true, domainname: true, annotations: true,
  mounts: [{ destination: true, type: true, source: true, options: true, uidMappings: [idMapping], gidMappings: [idMapping] }],
  hooks: { prestart: [hook], createRuntime: [hook], createContainer: [hook], startContainer: [hook], poststart: [hook], poststop: [hook] },
  solaris: false, windows: false, vm: false, zos: false, freebsd: false,
  linux: {
    intelRdt: false, netDevices: true,
    uidMappings: [idMapping], gidMappings: [idMapping], sysctl: true, cgroupsPath: true,
    namespaces: [{ type: true, path: true }],
    devices: [{ path: true, type: true, major: true, minor: true, fileMode: true, uid: true, gid: true }],
    seccomp: { defaultAction: true, defaultErrnoRet: true, architectures: true, flags: true, listenerPath: true, listenerMetadata: true, syscalls: [{ names: true, action: true, errnoRet: true, args: [{ index: true, value: true, valueTwo: true, op: true }] }] },
    rootfsPropagation: true, maskedPaths: true, readonlyPaths: true, mountLabel: true, memoryPolicy: { mode: true, nodes: true, flags: true },
    personality: { domain: true, flags: false },
    timeOffsets: { boottime: { secs: true, nanosecs: true }, monotonic: { secs: true, nanosecs: true } },
    resources: {
      oomScoreAdj: false,
      devices: [{ allow: true, type: true, major: true, minor: true, access: true }],
      memory: { limit: true, reservation: true, swap: true, kernel: true, kernelTCP: true, swappiness: true, disableOOMKiller: true, useHierarchy: true, checkBeforeUpdate: true },
      cpu: { shares: true, quota: true, burst: true, period: true, realtimeRuntime: true, realtimePeriod: true, cpus: true, mems: true, idle: true },
      pids: { limit: true },
      blockIO: {
        weight: true, leafWeight: true, weightDevice: true, throttleReadBpsDevice: true, throttleWriteBpsDevice: true,
        throttleReadIOPSDevice: true, throttleWriteIOPSDevice: true,
      },
      hugepageLimits: true, network: { classID: true, priorities: true }, rdma: true, unified: true,
    },
  },
} as const satisfies Honoured;

/**
 * Throws invalidArgument with the first field of the specification that has a value and is not honoured; empty and zero values pass.
 * A property that the specification does not know is passed over with a warning, as it asks (config.md, "Extensibility").
 */
export function refuseUnknown(value: unknown, honoured: Honoured, path = '', warnings: string[] = []): void {
  if (honoured === false && isSet(value)) throw invalidArgument(`config.json: ${path} is not supported`);
  if (isEmpty(value) || typeof honoured === 'boolean') return;
  if (Array.isArray(honoured)) {
    if (!Array.isArray(value)) throw invalidArgument(`config.json: ${path} must be a list`);
    value.forEach((element, i) => { refuseUnknown(element, honoured[0] as Honoured, `${path}[${i}]`, warnings); });
    return;
  }
  if (typeof value !== 'object' || Array.isArray(value)) throw invalidArgument(`config.json: ${path || 'the document'} must be an object`);
  for (const [key, inner] of Object.entries(value as object)) {
    const known = Object.hasOwn(honoured, key) ? (honoured as Readonly<Record<string, Honoured>>)[key] : undefined;
    const name = path ? `${path}.${key}` : key;
    if (known === undefined) {
      if (!isEmpty(inner)) warnings.push(`config.json: ${name} is unknown to the runtime specification and was passed over`);
    } else refuseUnknown(inner, known, name, warnings);
  }
}

/** An object says something by its keys alone. */
function isSet(value: unknown): boolean {
  return typeof value === 'object' && value !== null ? Object.keys(value).length > 0 : !isEmpty(value);
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === 0 || value === '') return true;
  return typeof value === 'object' && Object.values(value as object).every(isEmpty);
}
