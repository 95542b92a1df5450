import type { ContainerConfig, HostConfig } from '@gantry/api/gantry/engine/v1/types';
import { invalidArgument } from '@gantry/rpc';

/** The container that a mode like `container:web` joins; undefined for any other mode. */
export function joinedContainer(mode: string): string | undefined {
  return mode.startsWith('container:') ? mode.slice('container:'.length) : undefined;
}

/** Namespace modes and what contradicts them. Throws invalidArgument with docker's words. */
export function validateModes(host: HostConfig, config: ContainerConfig): void {
  const oneOf = (what: string, mode: string, modes: readonly string[]): void => {
    if (mode !== 'container:' && modes.includes(mode)) return;
    if (modes.includes('container:') && (joinedContainer(mode) ?? '') !== '') return;
    throw invalidArgument(`invalid ${what} mode: ${mode}`);
  };
  oneOf('IPC', host.IpcMode, ['', 'none', 'private', 'shareable', 'host', 'container:']);
  oneOf('PID', host.PidMode, ['', 'host', 'container:']);
  oneOf('UTS', host.UTSMode, ['', 'host']);
  oneOf('user namespace', host.UsernsMode, ['', 'host']);
  oneOf('cgroup namespace', host.CgroupnsMode, ['', 'private', 'host']);

  const network = host.NetworkMode;
  if (/^container:?$/.test(network)) throw invalidArgument('invalid network mode: invalid container format container:<name|id>');
  const conflict = (text: string): never => {
    throw invalidArgument(`conflicting options: ${text}`);
  };
  if (host.UTSMode === 'host' && config.Hostname !== '') conflict('hostname and the UTS mode');
  if (joinedContainer(network) !== undefined) {
    if (config.Hostname !== '') conflict('hostname and the network mode');
    if (host.Links.length > 0) conflict("container type network can't be used with links. This would result in undefined behavior");
    if (host.Dns.length > 0) conflict('dns and the network mode');
    if (host.ExtraHosts.length > 0) conflict('custom host-to-IP mapping and the network mode');
    if ((config.MacAddress ?? '') !== '') conflict('mac-address and the network mode');
    if (Object.keys(host.PortBindings).length > 0 || host.PublishAllPorts) conflict('port publishing and the container type network mode');
    if (Object.keys(config.ExposedPorts).length > 0) conflict('port exposing and the container type network mode');
  }
  if (network === 'host' && host.Links.length > 0)
    conflict("host type networking can't be used with links. This would result in undefined behavior");
  for (const key of Object.keys(host.Sysctls)) {
    if (key.startsWith('net.') && network === 'host') throw invalidArgument(`sysctl "${key}" not allowed in host network namespace`);
    if ((key.startsWith('kernel.') || key.startsWith('fs.mqueue.')) && host.IpcMode === 'host')
      throw invalidArgument(`sysctl "${key}" not allowed in host ipc namespace`);
    if (!/^(net\.|fs\.mqueue\.|kernel\.(msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced|domainname|hostname)$)/.test(key))
      throw invalidArgument(`sysctl "${key}" is not in a separate kernel namespace`);
  }
}
