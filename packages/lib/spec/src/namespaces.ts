import type { HostConfig } from '@gantry/api/gantry/engine/v1/types';
import type { LinuxNamespace } from '@gantry/oci';

/** Process ids of the running containers whose namespaces are joined, by what is joined. */
export interface JoinedPids {
  readonly network?: number;
  readonly pid?: number;
  readonly ipc?: number;
}

const pathOf = (pid: number, name: string): string => `/proc/${pid}/ns/${name}`;

/** Docker's default: a private cgroup namespace on the unified hierarchy, the host's on version 1. */
export function cgroupNamespaceMode(host: HostConfig, cgroupVersion: 1 | 2): 'private' | 'host' {
  if (host.CgroupnsMode === 'private' || host.CgroupnsMode === 'host') return host.CgroupnsMode;
  return cgroupVersion === 2 && !host.Privileged ? 'private' : 'host';
}

/** The namespaces of a container; those of the host are left out. */
export function namespacesOf(host: HostConfig, joined: JoinedPids, cgroupVersion: 1 | 2): LinuxNamespace[] {
  const result: LinuxNamespace[] = [{ type: 'mount' }];
  if (joined.network !== undefined) result.push({ type: 'network', path: pathOf(joined.network, 'net') });
  else if (host.NetworkMode !== 'host') result.push({ type: 'network' });
  if (host.UTSMode !== 'host') result.push({ type: 'uts' });
  if (joined.pid !== undefined) result.push({ type: 'pid', path: pathOf(joined.pid, 'pid') });
  else if (host.PidMode !== 'host') result.push({ type: 'pid' });
  if (joined.ipc !== undefined) result.push({ type: 'ipc', path: pathOf(joined.ipc, 'ipc') });
  else if (host.IpcMode !== 'host') result.push({ type: 'ipc' });
  if (cgroupNamespaceMode(host, cgroupVersion) === 'private') result.push({ type: 'cgroup' });
  return result;
}
