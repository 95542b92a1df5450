import { posix } from 'node:path';
import { invalidArgument } from '@gantry/rpc/errors';
import type { Mount } from '@gantry/oci';
import { ATTR, BIND_FLAG, MOUNT_FLAG } from '../plan/kernel';
import type { Operation } from '../plan/operations';
import { parseMountOptions, type MountOptions } from './mount-options';

/** Files of procfs that lxcfs and its like may cover. */
const coverable = new Set(
  ['cpuinfo', 'diskstats', 'meminfo', 'stat', 'swaps', 'uptime', 'loadavg', 'slabinfo', 'net/dev', 'sys/kernel/ns_last_pid', 'sys/crypto/fips_enabled'].map((name) => `/proc/${name}`),
);

export interface MountContext {
  readonly bundle: string;
  /** Turns a mount of type cgroup into operations. */
  readonly cgroup: (destination: string, options: MountOptions) => Operation[];
  /** Set when /dev was asked read-only: it becomes so after its nodes are made. */
  devReadonly: boolean;
}

export function compileMount(mount: Mount, index: number, context: MountContext): Operation[] {
  const path = `mounts[${index}] (${mount.destination})`;
  if (!mount.destination) throw invalidArgument(`config.json: mounts[${index}].destination is empty`);
  const destination = posix.normalize(`/${mount.destination}`).replace(/(.)\/$/, '$1');
  const options = parseMountOptions(mount, path);
  if (destination === '/') throw invalidArgument(`config.json: ${path}: a mount on / is not supported`);
  if (options.bind) return [compileBind(mount, destination, options, context, path)];
  if (!mount.type) throw invalidArgument(`config.json: ${path}: type is empty`);
  if (mount.type === 'cgroup' || mount.type === 'cgroup2') return context.cgroup(destination, options);
  const delayed = destination === '/dev' && (options.set & ATTR.rdonly) !== 0;
  if (delayed) context.devReadonly = true;
  return [compileNew(mount, destination, delayed ? { ...options, set: options.set & ~ATTR.rdonly } : options)];
}

function compileBind(mount: Mount, destination: string, options: MountOptions, context: MountContext, path: string): Operation {
  if (!mount.source) throw invalidArgument(`config.json: ${path}: source is empty`);
  const source = posix.resolve(context.bundle, mount.source);
  const flags = (options.recursive ? BIND_FLAG.recursive : 0) | (coverable.has(destination) ? BIND_FLAG.proc : 0);
  return ['BIND', source, destination, flags, options.set, options.clear, options.setAll, options.clearAll, options.propagation, options.propagationAll];
}

function compileNew(mount: Mount, destination: string, options: MountOptions): Operation {
  const type = mount.type as string;
  const flags = (type === 'proc' || type === 'sysfs' ? MOUNT_FLAG.noSymlink : 0) | (options.copyUp ? MOUNT_FLAG.copyUp : 0) | (type === 'mqueue' ? MOUNT_FLAG.optional : 0);
  const propagation = options.propagation || options.propagationAll;
  return ['MOUNT', type, mount.source ?? type, destination, options.data, options.set | options.setAll, flags, propagation];
}
