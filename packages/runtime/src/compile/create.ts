import { posix } from 'node:path';
import { invalidArgument } from '@gantry/rpc/errors';
import type { Spec } from '@gantry/oci';
import { cgroupOperations } from '../cgroup/operations';
import { ATTR, CLONE, MS, ROOTFS } from '../plan/kernel';
import { compileListener } from '../seccomp/listener';
import { encodePlan } from '../plan/encode';
import type { Operation } from '../plan/operations';
import { compileCgroupMount } from './cgroup-mount';
import type { CreateOptions, CreatePlan } from './contract';
import { compileDevices, devIsForeign } from './devices';
import { compileHooks } from './hooks';
import { checkLabels } from './labels';
import { compileMemoryPolicy } from './memory-policy';
import { compileMount, type IdMap, type MountContext } from './mounts';
import { compileLandlock } from './landlock';
import { compileNamespaces, formatMap, type Namespaces } from './namespaces';
import { compileNetDevices } from './net-devices';
import { compilePersonality } from './personality';
import { checkProcess, compileLimits, compileProcess } from './process';
import { honouredSpec, refuseUnknown } from './refuse';
import { compileSysctls } from './sysctl';

/** config.json → launch plan. Throws invalidArgument that names the field which would not be honoured. */
export function compileCreate(spec: Spec, options: CreateOptions): CreatePlan {
  const { list, namespaces, warnings, terminal } = createOperations(spec, options);
  const plan = encodePlan({ kind: 'create', cloneFlags: namespaces.cloneFlags, preserve: options.preserveFds ?? 0 }, list);
  return { plan, terminal, warnings, ...(options.cgroup ? { cgroup: options.cgroup } : {}) };
}

/** The same as data, for tests and for people. */
export function createOperations(
  spec: Spec,
  options: CreateOptions,
): { list: Operation[]; namespaces: Namespaces; warnings: string[]; terminal: boolean } {
  const warnings: string[] = [];
  refuseUnknown(spec, honouredSpec, '', warnings);
  if (!spec.process) throw invalidArgument('config.json: process is missing');
  if (!spec.root?.path) throw invalidArgument('config.json: root.path is missing');
  checkProcess(spec.process);
  checkLabels(spec.process, spec, options.labels);
  if (spec.process.scheduler?.policy === 'SCHED_DEADLINE' && spec.linux?.resources?.cpu?.cpus) {
    throw invalidArgument(
      "config.json: process.scheduler SCHED_DEADLINE: process scheduler can't be used together with AllowedCPUs (linux.resources.cpu.cpus)",
    );
  }
  const namespaces = compileNamespaces(spec, options.mapper);
  const userNamespace = namespaces.fresh.has('user') || namespaces.joined.has('user');
  const hooks = compileHooks(spec, options);
  const readonlyRoot = spec.root.readonly === true;
  const propagation = rootPropagation(spec);
  const onHost = withoutMountNamespace(spec, namespaces);
  const rootfs = options.rootfs ?? posix.resolve(options.bundle, spec.root.path);
  const view: MountContext = {
    bundle: options.bundle,
    rootfs,
    userNamespace,
    devReadonly: false,
    ownMap: ownMap(spec, namespaces),
    label: spec.linux?.mountLabel,
    warnings,
    cgroup: (destination, mountOptions) =>
      compileCgroupMount(destination, mountOptions, {
        plan: options.cgroup,
        own: namespaces.fresh.has('cgroup'),
        userNamespace,
        unified: unifiedMount(options),
      }),
  };
  const mounts = (spec.mounts ?? []).flatMap((mount, i) => compileMount(mount, i, view));
  const list: Operation[] = [
    ...(options.cgroup ? cgroupOperations(options.cgroup, spec.linux?.resources?.devices) : []),
    ...compileListener(spec.linux?.seccomp, { id: options.id, bundle: options.bundle, status: 'creating', spec }, warnings),
    ...namespaces.operations,
    ...compileNetDevices(spec, namespaces),
    ...compileLimits(spec.process),
    ...(namespaces.fresh.has('cgroup') ? [['UNSHARE', CLONE.cgroup] as Operation] : []),
    ...timeOperations(spec, namespaces),
    ['SESSION'],
    ...(options.noNewKeyring ? [] : [['KEYRING', `_ses.${options.id}`] as Operation]),
    ...nameOperations(spec, namespaces),
    ...(namespaces.fresh.has('network') ? [['LOOPBACK'] as Operation] : []),
    ...(onHost ? [] : [['PROPAGATION', propagation.host] as Operation]),
    [
      'ROOTFS',
      rootfs,
      (onHost ? ROOTFS.inPlace : options.noPivot ? ROOTFS.onTop : ROOTFS.pivot) | (propagation.follow ? ROOTFS.follow : 0),
    ],
    ...mounts,
    ...compileDevices(spec, userNamespace),
    ...(spec.process.terminal ? [['CONSOLE', devIsForeign(spec) ? 0 : 1] as Operation] : []),
    ['DIRECTORY', spec.process.cwd],
    ...(view.devReadonly ? [['ATTR', '/dev', ATTR.rdonly, 0] as Operation] : []),
    ...hooks.runtime,
    ...hooks.container,
    ...compileSysctls(spec, namespaces),
    ...checkPaths(spec.linux?.readonlyPaths, 'linux.readonlyPaths').map((path): Operation => ['READONLY', path]),
    ...checkPaths(spec.linux?.maskedPaths, 'linux.maskedPaths').map((path): Operation => ['MASK', path]),
    ['PIVOT', options.noPivot || onHost ? 1 : 0],
    ...(readonlyRoot || propagation.root ? [['ROOT_ATTR', readonlyRoot ? ATTR.rdonly : 0, propagation.root] as Operation] : []),
    ...compilePersonality(spec),
    ...compileMemoryPolicy(spec),
    ...compileProcess(spec.process, {
      seccomp: spec.linux?.seccomp,
      userNamespace,
      startHooks: hooks.start,
      processors: new Uint8Array(),
      landlock: compileLandlock(spec),
      warnings,
    }),
  ];
  return { list, namespaces, warnings, terminal: spec.process.terminal === true };
}

/** The host's own mount namespace: what is mounted lies below the rootfs and stays until the container is deleted. */
function withoutMountNamespace(spec: Spec, namespaces: Namespaces): boolean {
  if (namespaces.fresh.has('mount') || namespaces.joined.has('mount')) return false;
  for (const field of ['maskedPaths', 'readonlyPaths'] as const) {
    if (spec.linux?.[field]?.length) throw invalidArgument(`config.json: linux.${field} need a mount namespace`);
  }
  return true;
}

/** The map that a mount with the plain option `idmap` gets. */
function ownMap(spec: Spec, namespaces: Namespaces): IdMap | undefined {
  const path = namespaces.joined.get('user');
  if (path) return ['', '', path];
  if (!namespaces.fresh.has('user')) return undefined;
  return [formatMap(spec.linux?.uidMappings, 'linux.uidMappings'), formatMap(spec.linux?.gidMappings, 'linux.gidMappings'), ''];
}

/** Each once. */
function checkPaths(paths: readonly string[] | undefined, field: string): string[] {
  for (const path of paths ?? []) if (!posix.isAbsolute(path)) throw invalidArgument(`config.json: ${field}: "${path}" is not absolute`);
  return [...new Set((paths ?? []).map((path) => posix.normalize(path)))];
}

function unifiedMount(options: CreateOptions): string {
  return options.cgroup?.directories.find((d) => d.version === 2)?.mountpoint ?? '/sys/fs/cgroup';
}

/** What / becomes before anything is mounted, and what the container's root becomes at the end (0 = as it is). */
function rootPropagation(spec: Spec): { host: number; root: number; follow: boolean } {
  const name = spec.linux?.rootfsPropagation;
  if (!name) return { host: MS.slave | MS.rec, root: 0, follow: false };
  const recursive = name.startsWith('r');
  const kind = { private: MS.private, shared: MS.shared, slave: MS.slave, unbindable: MS.unbindable }[
    recursive ? name.slice(1) : (name as string)
  ];
  if (kind === undefined) throw invalidArgument(`config.json: linux.rootfsPropagation "${name}" is unknown`);
  const flags = kind | (recursive ? MS.rec : 0);
  /* The root of an unbindable tree could not be cloned. */
  return kind === MS.unbindable
    ? { host: MS.private | MS.rec, root: flags, follow: false }
    : { host: kind | MS.rec, root: kind === MS.shared ? flags : 0, follow: kind === MS.slave };
}

function nameOperations(spec: Spec, namespaces: Namespaces): Operation[] {
  if ((spec.hostname || spec.domainname) && !namespaces.fresh.has('uts') && !namespaces.joined.has('uts')) {
    throw invalidArgument('config.json: hostname and domainname need a uts namespace of the container');
  }
  return [
    ...(spec.hostname ? [['HOSTNAME', spec.hostname] as Operation] : []),
    ...(spec.domainname ? [['DOMAINNAME', spec.domainname] as Operation] : []),
  ];
}

function timeOperations(spec: Spec, namespaces: Namespaces): Operation[] {
  const offsets = spec.linux?.timeOffsets;
  if (!namespaces.fresh.has('time')) {
    if (offsets && Object.values(offsets).some((o) => o && (o.secs || o.nanosecs)))
      throw invalidArgument('config.json: linux.timeOffsets need a new time namespace');
    return [];
  }
  const lines = (['monotonic', 'boottime'] as const).flatMap((clock) =>
    offsets?.[clock] ? [`${clock} ${offsets[clock].secs ?? 0} ${offsets[clock].nanosecs ?? 0}\n`] : [],
  );
  return [['TIME_OFFSETS', lines.join('')]];
}
