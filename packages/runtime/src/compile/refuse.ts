import { invalidArgument } from '@gantry/rpc/errors';
import { checkKind, type Kind } from './kinds';

/**
 * Which fields are honoured, and what they hold: a kind, an object = its fields (`{}` = any key), a one-element array = each element; false = not
 * honoured at all.
 */
export type Honoured = false | Kind | { readonly [field: string]: Honoured } | readonly [Honoured];

const idMapping = { containerID: 'u32', hostID: 'u32', size: 'u32' } as const;
const hook = { path: 'text', args: 'texts', env: 'texts', timeout: 'i32' } as const;
const throttle = { major: 'i64', minor: 'i64', rate: 'u64' } as const;
const offset = { secs: 'i64', nanosecs: 'u32' } as const;

export const honouredProcess = {
  commandLine: false,
  terminal: 'flag',
  consoleSize: { height: 'u32', width: 'u32' },
  args: 'texts',
  env: 'texts',
  cwd: 'text',
  noNewPrivileges: 'flag',
  user: { uid: 'u32', gid: 'u32', umask: 'u32', additionalGids: 'u32s', username: false },
  capabilities: { bounding: 'texts', effective: 'texts', inheritable: 'texts', permitted: 'texts', ambient: 'texts' },
  rlimits: [{ type: 'text', soft: 'u64', hard: 'u64' }],
  apparmorProfile: 'text',
  selinuxLabel: 'text',
  oomScoreAdj: 'i32',
  ioPriority: { class: 'text', priority: 'i32' },
  execCPUAffinity: { initial: 'text', final: 'text' },
  scheduler: { policy: 'text', nice: 'i32', priority: 'i32', flags: 'texts', runtime: 'u64', deadline: 'u64', period: 'u64' },
} as const satisfies Honoured;

export const honouredSpec = {
  ociVersion: 'text',
  process: honouredProcess,
  root: { path: 'text', readonly: 'flag' },
  hostname: 'text',
  domainname: 'text',
  annotations: 'textMap',
  mounts: [{ destination: 'text', type: 'text', source: 'text', options: 'texts', uidMappings: [idMapping], gidMappings: [idMapping] }],
  hooks: { prestart: [hook], createRuntime: [hook], createContainer: [hook], startContainer: [hook], poststart: [hook], poststop: [hook] },
  solaris: false,
  windows: false,
  vm: false,
  zos: false,
  freebsd: false,
  linux: {
    intelRdt: false,
    netDevices: { '{}': { name: 'text' } },
    uidMappings: [idMapping],
    gidMappings: [idMapping],
    sysctl: 'textMap',
    cgroupsPath: 'text',
    namespaces: [{ type: 'text', path: 'text' }],
    devices: [{ path: 'text', type: 'text', major: 'i64', minor: 'i64', fileMode: 'u32', uid: 'u32', gid: 'u32' }],
    seccomp: {
      defaultAction: 'text',
      defaultErrnoRet: 'u32',
      architectures: 'texts',
      flags: 'texts',
      listenerPath: 'text',
      listenerMetadata: 'text',
      syscalls: [{ names: 'texts', action: 'text', errnoRet: 'u32', args: [{ index: 'u32', value: 'u64', valueTwo: 'u64', op: 'text' }] }],
    },
    rootfsPropagation: 'text',
    maskedPaths: 'texts',
    readonlyPaths: 'texts',
    mountLabel: 'text',
    memoryPolicy: { mode: 'text', nodes: 'text', flags: 'texts' },
    personality: { domain: 'text', flags: false },
    timeOffsets: { boottime: offset, monotonic: offset },
    resources: {
      oomScoreAdj: false,
      devices: [{ allow: 'flag', type: 'text', major: 'i64', minor: 'i64', access: 'text' }],
      memory: {
        limit: 'i64',
        reservation: 'i64',
        swap: 'i64',
        kernel: 'i64',
        kernelTCP: 'i64',
        swappiness: 'u64',
        disableOOMKiller: 'flag',
        useHierarchy: 'flag',
        checkBeforeUpdate: 'flag',
      },
      cpu: {
        shares: 'u64',
        quota: 'i64',
        burst: 'u64',
        period: 'u64',
        realtimeRuntime: 'i64',
        realtimePeriod: 'u64',
        cpus: 'text',
        mems: 'text',
        idle: 'i64',
      },
      pids: { limit: 'i64' },
      blockIO: {
        weight: 'u16',
        leafWeight: 'u16',
        weightDevice: [{ major: 'i64', minor: 'i64', weight: 'u16', leafWeight: 'u16' }],
        throttleReadBpsDevice: [throttle],
        throttleWriteBpsDevice: [throttle],
        throttleReadIOPSDevice: [throttle],
        throttleWriteIOPSDevice: [throttle],
      },
      hugepageLimits: [{ pageSize: 'text', limit: 'u64' }],
      network: { classID: 'u32', priorities: [{ name: 'text', priority: 'u32' }] },
      rdma: { '{}': { hcaHandles: 'u32', hcaObjects: 'u32' } },
      unified: 'textMap',
    },
  },
} as const satisfies Honoured;

/**
 * Throws invalidArgument with the first field of the specification that holds what it cannot, or has a value and is not honoured; null is as
 * absent, and empty and zero values pass.
 * A property that the specification does not know is passed over with a warning, as it asks (config.md, "Extensibility").
 */
export function refuseUnknown(value: unknown, honoured: Honoured, path = '', warnings: string[] = []): void {
  if (honoured === false && isSet(value)) throw invalidArgument(`config.json: ${path} is not supported`);
  if (typeof honoured === 'string') {
    checkKind(value, honoured, path);
    return;
  }
  if (value === undefined || value === null || honoured === false) return;
  if (Array.isArray(honoured)) {
    if (!Array.isArray(value)) throw invalidArgument(`config.json: ${path} must be a list`);
    value.forEach((element: unknown, i) => {
      if (element === null) throw invalidArgument(`config.json: ${path}[${i}] must be an object`);
      refuseUnknown(element, honoured[0] as Honoured, `${path}[${i}]`, warnings);
    });
    return;
  }
  if (typeof value !== 'object' || Array.isArray(value)) throw invalidArgument(`config.json: ${path || 'the document'} must be an object`);
  const fields = honoured as Readonly<Record<string, Honoured>>;
  for (const [key, inner] of Object.entries(value as object)) {
    const known = Object.hasOwn(honoured, key) ? fields[key] : fields['{}'];
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
