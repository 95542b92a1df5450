import type { LinuxDevice, Mount, NamespaceType, Spec } from '@gantry/oci';
import {
  defaultCapabilities,
  defaultDeviceRules,
  defaultMaskedPaths,
  defaultMounts,
  defaultNamespaces,
  defaultPath,
  defaultReadonlyPaths,
} from '@gantry/oci';
import { GantryError } from '@gantry/rpc';
import { capabilityName, cgroupsPath } from '@gantry/spec';
import { PLUGINS_NAMESPACE } from './places';
import type { PluginRecord } from './record';

const OCI_VERSION = '1.2.0';
/** Where a plugin makes its socket. */
const SOCKETS = '/run/docker/plugins';
/** The host's, of plugins that have a network. */
const FILES = ['/etc/hosts', '/etc/resolv.conf'];

export interface SpecPlaces {
  /** Folder of its socket, on the host. */
  readonly sockets: string;
  /** Folder of the host that shows what it mounts below PropagatedMount. */
  readonly propagated: string;
  readonly cgroupParent: string;
  /** Nodes of the devices that it is set to have. */
  readonly devices: readonly LinuxDevice[];
}

/** config.json of a plugin's process, as docker makes it: docker's default container, and what its configuration asks for. */
export function pluginSpec({ id, config, settings, rootfs }: PluginRecord, places: SpecPlaces): Spec {
  const { Network, PidHost, IpcHost, Linux, PropagatedMount } = config;
  const without = new Set<NamespaceType>([
    ...(Network.Type === 'host' ? (['network'] as const) : []),
    ...(PidHost ? (['pid'] as const) : []),
    ...(IpcHost ? (['ipc'] as const) : []),
  ]);
  const capabilities = [
    ...new Set([...defaultCapabilities, ...(Linux.Capabilities ?? []).map((name) => capabilityName(name, 'Linux.Capabilities'))]),
  ];
  const access = places.devices.map(({ type, major, minor }) => ({
    allow: true,
    type,
    major: major ?? -1,
    minor: minor ?? -1,
    access: 'rwm',
  }));
  return {
    ociVersion: OCI_VERSION,
    root: { path: rootfs, readonly: false },
    process: {
      terminal: false,
      user: { uid: 0, gid: 0 }, // docker knows a `User` of the configuration, and does not ask for it: the socket is root's
      args: [...(config.Entrypoint ?? []), ...settings.Args],
      env: [`PATH=${defaultPath}`, ...settings.Env],
      cwd: config.WorkDir === '' ? '/' : config.WorkDir,
      capabilities: { bounding: capabilities, permitted: capabilities, inheritable: capabilities, effective: capabilities },
      noNewPrivileges: false,
    },
    mounts: mountsOf(config, places),
    linux: {
      resources: { devices: [...(Linux.AllowAllDevices ? [{ allow: true, access: 'rwm' }] : defaultDeviceRules()), ...access] },
      cgroupsPath: cgroupsPath(`${places.cgroupParent}/${PLUGINS_NAMESPACE}`, id),
      namespaces: defaultNamespaces.filter((type) => !without.has(type)).map((type) => ({ type })),
      ...(places.devices.length === 0 ? {} : { devices: [...places.devices] }),
      ...(PropagatedMount === '' ? {} : { rootfsPropagation: 'rshared' as const }),
      maskedPaths: [...defaultMaskedPaths],
      readonlyPaths: [...defaultReadonlyPaths],
    },
  };
}

function mountsOf(config: PluginRecord['config'], places: SpecPlaces): Mount[] {
  const own = config.Mounts ?? [];
  const bind = (source: string, destination: string, options: string[]): Mount => ({ destination, type: 'bind', source, options });
  // One below /dev that a plugin brings takes ours' place.
  const taken = new Set(own.map(({ Destination }) => Destination).filter((path) => path.startsWith('/dev/')));
  const asked = own.map(({ Destination, Source, Type, Options }): Mount => {
    if (Source === null) throw new GantryError('internal', 'mount source is not specified');
    return { destination: Destination, type: Type, source: Source, options: [...(Options ?? [])] };
  });
  return [
    ...defaultMounts().filter(({ destination }) => !taken.has(destination)),
    ...(config.PropagatedMount === '' ? [] : [bind(places.propagated, config.PropagatedMount, ['rbind', 'rw', 'rshared'])]),
    ...asked,
    bind(places.sockets, SOCKETS, ['rbind', 'rshared']),
    ...(config.Network.Type === '' ? [] : FILES.map((path) => bind(path, path, ['rbind', 'ro']))),
  ];
}
