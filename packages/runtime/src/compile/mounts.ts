import { posix } from 'node:path';
import { invalidArgument } from '@gantry/rpc/errors';
import type { Mount } from '@gantry/oci';
import { ATTR, BIND_FLAG, MOUNT_FLAG } from '../plan/kernel';
import type { Operation } from '../plan/operations';
import { formatMap } from './namespaces';
import { parseMountOptions, type MountOptions } from './mount-options';

/** Files of procfs that lxcfs and its like may cover. */
const coverable = new Set(
  [
    'cpuinfo',
    'diskstats',
    'meminfo',
    'stat',
    'swaps',
    'uptime',
    'loadavg',
    'slabinfo',
    'net/dev',
    'sys/kernel/ns_last_pid',
    'sys/crypto/fips_enabled',
  ].map((name) => `/proc/${name}`),
);

export interface MountContext {
  readonly bundle: string;
  /** Absolute path of the root file system on the host. */
  readonly rootfs: string;
  /** The container has a user namespace that is not the caller's. */
  readonly userNamespace: boolean;
  /** Turns a mount of type cgroup into operations. */
  readonly cgroup: (destination: string, options: MountOptions) => Operation[];
  /** Set when /dev was asked read-only: it becomes so after its nodes are made. */
  devReadonly: boolean;
  /** The container's own id map, for mounts that ask for one without naming it: two maps, or the path of its user namespace. */
  readonly ownMap: IdMap | undefined;
  /** SELinux label of new file systems. */
  readonly label: string | undefined;
  readonly warnings: string[];
}

/** uid map and gid map as the kernel reads them, or the path of a user namespace that has them. */
export type IdMap = readonly [uids: string, gids: string, path: string];

const noMap: IdMap = ['', '', ''];

export function compileMount(mount: Mount, index: number, context: MountContext): Operation[] {
  const path = `mounts[${index}] (${mount.destination})`;
  if (!mount.destination) throw invalidArgument(`config.json: mounts[${index}].destination is empty`);
  const destination = insideRoot(posix.normalize(`/${mount.destination}`).replace(/(.)\/$/, '$1'), context.rootfs);
  const options = parseMountOptions(mount, path, context.warnings);
  if (destination === '/') throw invalidArgument(`config.json: ${path}: a mount on / is not supported`);
  if (options.remount) return [compileRemount(destination, options)];
  if (options.bind) return [compileBind(mount, destination, options, context, path)];
  if (mount.uidMappings?.length || mount.gidMappings?.length)
    throw invalidArgument(`config.json: ${path}: uidMappings and gidMappings are for bind mounts only`);
  if (!mount.type) throw invalidArgument(`config.json: ${path}: type is empty`);
  if (mount.type === 'cgroup' || mount.type === 'cgroup2') return context.cgroup(destination, options);
  const delayed = destination === '/dev' && (options.set & ATTR.rdonly) !== 0;
  if (delayed) context.devReadonly = true;
  return [compileNew(mount, destination, delayed ? { ...options, set: options.set & ~ATTR.rdonly } : options, context)];
}

/** A destination below the rootfs as the host knows it is meant below the container's root, as with other runtimes. */
function insideRoot(destination: string, rootfs: string): string {
  return rootfs !== '/' && destination.startsWith(`${rootfs}/`) ? destination.slice(rootfs.length) : destination;
}

const everyFlag = ATTR.rdonly | ATTR.nosuid | ATTR.nodev | ATTR.noexec | ATTR.nosymfollow;

/**
 * As a bind and its remount by mount(2): whoever names one of these flags names them all; with none, all stay as the source has them. A user
 * namespace may not take away what its maker's mount has, but for nosymfollow, which the kernel does not lock.
 */
function cleared(options: MountOptions, userNamespace: boolean): number {
  if (((options.set | options.clear) & everyFlag) === 0) return options.clear;
  return options.clear | ((userNamespace ? ATTR.nosymfollow : everyFlag) & ~options.set);
}

function compileBind(mount: Mount, destination: string, options: MountOptions, context: MountContext, path: string): Operation {
  if (!mount.source) throw invalidArgument(`config.json: ${path}: source is empty`);
  const source = posix.resolve(context.bundle, mount.source);
  const map = idMap(mount, options, context, path);
  /* What lies below /sys, the cgroups above all, is as read-only as /sys itself (CVE-2023-25809). */
  const below = (source === '/sys' || source.startsWith('/sys/')) && (options.set & ATTR.rdonly) !== 0 ? ATTR.rdonly : 0;
  const flags =
    (options.recursive ? BIND_FLAG.recursive : 0) |
    (coverable.has(destination) ? BIND_FLAG.proc : 0) |
    (options.idmap === 'recursive' ? BIND_FLAG.idmapRecursive : 0);
  return [
    'BIND',
    source,
    destination,
    flags,
    options.set,
    cleared(options, context.userNamespace),
    options.setAll | below,
    options.clearAll,
    options.propagation,
    options.propagationAll,
    ...map,
  ];
}

function idMap(mount: Mount, options: MountOptions, context: MountContext, path: string): IdMap {
  const own = mount.uidMappings?.length || mount.gidMappings?.length;
  if (own) return [formatMap(mount.uidMappings, `${path}.uidMappings`), formatMap(mount.gidMappings, `${path}.gidMappings`), ''];
  if (options.idmap === 'no') return noMap;
  if (!context.ownMap)
    throw invalidArgument(`config.json: ${path}: option "idmap" needs uidMappings and gidMappings, or a user namespace of the container`);
  return context.ownMap;
}

/** With `bind` only the mount's own attributes change, without it the file system's options too. */
function compileRemount(destination: string, options: MountOptions): Operation {
  const data = options.bind ? [] : [...options.data, options.set & ATTR.rdonly ? 'ro' : 'rw'];
  return ['REMOUNT', destination, data, options.set | options.setAll, options.clear | options.clearAll];
}

function compileNew(mount: Mount, destination: string, options: MountOptions, context: MountContext): Operation {
  const type = mount.type as string;
  const flags =
    (type === 'proc' || type === 'sysfs' ? MOUNT_FLAG.noSymlink : 0) |
    (options.copyUp ? MOUNT_FLAG.copyUp : 0) |
    (type === 'mqueue' ? MOUNT_FLAG.optional : 0);
  const propagation = options.propagation || options.propagationAll;
  return [
    'MOUNT',
    type,
    mount.source ?? type,
    destination,
    labelled(type, options.data, context.label),
    options.set | options.setAll,
    flags,
    propagation,
  ];
}

/** procfs and sysfs have labels of their own. */
function labelled(type: string, data: readonly string[], label: string | undefined): readonly string[] {
  return label === undefined || type === 'proc' || type === 'sysfs' ? data : [...data, `context=${label}`];
}
