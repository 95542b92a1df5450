import type { PluginPrivilege } from '@gantry/api/gantry/engine/v1/plugins';
import { GantryError } from '@gantry/rpc';
import type { PluginConfig } from './config';

/** What a plugin wants of the host, in docker's words and order. */
export function privilegesOf(config: PluginConfig): PluginPrivilege[] {
  const found: PluginPrivilege[] = [];
  const want = (name: string, description: string, value: readonly string[]): void =>
    void found.push({ name, description, value: [...value] });
  const { Type: network } = config.Network;
  if (!['null', 'bridge', ''].includes(network)) want('network', 'permissions to access a network', [network]);
  if (config.IpcHost) want('host ipc namespace', 'allow access to host ipc namespace', ['true']);
  if (config.PidHost) want('host pid namespace', 'allow access to host pid namespace', ['true']);
  for (const { Source } of config.Mounts ?? []) if (Source !== null) want('mount', 'host path to mount', [Source]);
  for (const { Path } of config.Linux.Devices ?? []) if (Path !== null) want('device', 'host device to access', [Path]);
  if (config.Linux.AllowAllDevices) want('allow-all-devices', "allow 'rwm' access to all devices", ['true']);
  const capabilities = config.Linux.Capabilities ?? [];
  if (capabilities.length > 0) want('capabilities', 'list of additional capabilities required', capabilities);
  return found;
}

/** Throws, in dockerd's words, where what was agreed to is not exactly what the plugin wants. */
export function checkPrivileges(config: PluginConfig, agreed: readonly PluginPrivilege[]): void {
  const told = (list: readonly PluginPrivilege[]): string =>
    JSON.stringify(list.map(({ name, value }) => [name, ...[...value].sort()].join('\0')).sort());
  if (told(privilegesOf(config)) !== told(agreed)) throw new GantryError('internal', 'incorrect privileges');
}
