import { existsSync } from 'node:fs';
import type { MountRecord } from '@gantry/api/gantry/engine/v1/record';
import type { HostConfig } from '@gantry/api/gantry/engine/v1/types';
import type { IdMapping, Mount } from '@gantry/oci';

/** Docker's default size of /dev/shm, bytes. */
export const DEFAULT_SHM_SIZE = 64n * 1024n * 1024n;

/** Files that the engine makes for a container, by their host paths; absent ones are not mounted. */
export interface EngineFiles {
  readonly resolvConf?: string;
  readonly hostname?: string;
  readonly hosts?: string;
  /** Static init of --init. */
  readonly init?: string;
  /** Host directory to bind at /dev/shm (shareable and joined IPC). */
  readonly shm?: string;
}

/** Where --init's program is mounted; the path that docker uses. */
export const INIT_DESTINATION = '/sbin/docker-init';

/** HostConfig, with what its SecurityOpt says of the cgroup file system. */
export interface MountHost extends HostConfig {
  readonly writableCgroups: boolean;
}

function defaultMounts(host: MountHost, files: EngineFiles): Mount[] {
  const readOnly = host.Privileged ? [] : ['ro'];
  const mounts: Mount[] = [
    { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
    { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'] },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
    },
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', ...readOnly] },
    {
      destination: '/sys/fs/cgroup',
      type: 'cgroup',
      source: 'cgroup',
      options: [...(host.writableCgroups ? [] : ['ro']), 'nosuid', 'noexec', 'nodev'],
    },
  ];
  if (host.IpcMode === 'host') {
    // A host without POSIX message queues or shared memory has nothing to share.
    for (const path of ['/dev/mqueue', '/dev/shm']) if (existsSync(path)) mounts.push(bind(path, path));
    return mounts;
  }
  mounts.push({ destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] });
  if (files.shm !== undefined) mounts.push(bind('/dev/shm', files.shm));
  else if (host.IpcMode !== 'none') {
    const size = host.ShmSize > 0n ? host.ShmSize : DEFAULT_SHM_SIZE;
    mounts.push({
      destination: '/dev/shm',
      type: 'tmpfs',
      source: 'shm',
      options: ['nosuid', 'noexec', 'nodev', 'mode=1777', `size=${size}`],
    });
  }
  return mounts;
}

function bind(destination: string, source: string, ...options: string[]): Mount {
  return { destination, type: 'bind', source, options: ['rbind', 'rprivate', ...options] };
}

/** The ids through which what the engine keeps for a container is seen: its own files, and these volumes. */
export interface MountMaps {
  readonly uids: readonly IdMapping[];
  readonly gids: readonly IdMapping[];
  readonly volumes: ReadonlySet<string>;
}

function mapped(mount: Mount, maps: MountMaps | undefined): Mount {
  return maps === undefined ? mount : { ...mount, uidMappings: [...maps.uids], gidMappings: [...maps.gids] };
}

function userMount(mount: MountRecord): Mount {
  if (mount.type === 'tmpfs')
    return { destination: mount.destination, type: 'tmpfs', source: 'tmpfs', options: [...mount.options, ...(mount.rw ? [] : ['ro'])] };
  // What is mounted below the source is read-only with it, unless that is not wanted.
  const access = mount.rw ? [] : [mount.readOnlyNonRecursive ? 'ro' : 'rro'];
  const options = [mount.nonRecursive ? 'bind' : 'rbind', mount.propagation || 'rprivate', ...access];
  return { destination: mount.destination, type: 'bind', source: mount.source, options };
}

const depth = (path: string): number => path.split('/').length;

/** Every mount of the container, parents before children; a user's mount replaces the engine's at the same place. */
export function mountsOf(host: MountHost, mounts: readonly MountRecord[], files: EngineFiles, maps?: MountMaps): Mount[] {
  const result = new Map<string, Mount>(
    defaultMounts(host, files).map((mount) => [mount.destination, mount.source === files.shm ? mapped(mount, maps) : mount]),
  );
  const access = host.ReadonlyRootfs ? ['ro'] : [];
  if (files.resolvConf !== undefined) result.set('/etc/resolv.conf', mapped(bind('/etc/resolv.conf', files.resolvConf, ...access), maps));
  if (files.hostname !== undefined) result.set('/etc/hostname', mapped(bind('/etc/hostname', files.hostname, ...access), maps));
  if (files.hosts !== undefined) result.set('/etc/hosts', mapped(bind('/etc/hosts', files.hosts, ...access), maps));
  if (files.init !== undefined) result.set(INIT_DESTINATION, bind(INIT_DESTINATION, files.init, 'ro'));
  for (const mount of mounts)
    result.set(mount.destination, maps?.volumes.has(mount.destination) === true ? mapped(userMount(mount), maps) : userMount(mount));
  const all = [...result.values()];
  return all
    .map((mount, index) => ({ mount, index }))
    .sort((a, b) => depth(a.mount.destination) - depth(b.mount.destination) || a.index - b.index)
    .map(({ mount }) => mount);
}

/** What the root file system must be so that the asked propagation can work; undefined: the default. */
export function rootPropagation(mounts: readonly MountRecord[]): 'shared' | 'rslave' | undefined {
  const asked = mounts.map((mount) => mount.propagation);
  if (asked.some((mode) => mode === 'shared' || mode === 'rshared')) return 'shared';
  return asked.some((mode) => mode === 'slave' || mode === 'rslave') ? 'rslave' : undefined;
}
