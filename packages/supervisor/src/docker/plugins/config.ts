import { errorText, prefixed, invalidArgument } from '@gantry/rpc';
import { readAs, type Shape } from './go-json';

type Texts = readonly string[] | null;

export interface PluginMount {
  readonly Description: string;
  readonly Destination: string;
  readonly Name: string;
  readonly Options: Texts;
  readonly Settable: Texts;
  readonly Source: string | null;
  readonly Type: string;
}

export interface PluginDevice {
  readonly Description: string;
  readonly Name: string;
  readonly Path: string | null;
  readonly Settable: Texts;
}

export interface PluginEnv {
  readonly Description: string;
  readonly Name: string;
  readonly Settable: Texts;
  readonly Value: string | null;
}

/** config.json of a plugin (https://docs.docker.com/engine/extend/config/), in the order in which docker shows it. */
export interface PluginConfig {
  readonly Args: { readonly Description: string; readonly Name: string; readonly Settable: Texts; readonly Value: Texts };
  readonly Description: string;
  readonly DockerVersion?: string;
  readonly Documentation: string;
  readonly Entrypoint: Texts;
  readonly Env: readonly PluginEnv[] | null;
  readonly Interface: { readonly ProtocolScheme?: string; readonly Socket: string; readonly Types: Texts };
  readonly IpcHost: boolean;
  readonly Linux: { readonly AllowAllDevices: boolean; readonly Capabilities: Texts; readonly Devices: readonly PluginDevice[] | null };
  readonly Mounts: readonly PluginMount[] | null;
  readonly Network: { readonly Type: string };
  readonly PidHost: boolean;
  readonly PropagatedMount: string;
  readonly User: { readonly GID?: number; readonly UID?: number };
  readonly WorkDir: string;
  readonly rootfs?: { readonly diff_ids: Texts; readonly type?: string };
}

const texts: Shape = { list: 'text' };
const CONFIG: Shape = {
  members: {
    Args: { members: { Description: 'text', Name: 'text', Settable: texts, Value: texts } },
    Description: 'text',
    DockerVersion: 'text',
    Documentation: 'text',
    Entrypoint: texts,
    Env: { list: { members: { Description: 'text', Name: 'text', Settable: texts, Value: 'pointer' } } },
    Interface: { members: { ProtocolScheme: 'text', Socket: 'text', Types: texts }, omitted: ['ProtocolScheme'] },
    IpcHost: 'flag',
    Linux: {
      members: {
        AllowAllDevices: 'flag',
        Capabilities: texts,
        Devices: { list: { members: { Description: 'text', Name: 'text', Path: 'pointer', Settable: texts } } },
      },
    },
    Mounts: {
      list: {
        members: {
          Description: 'text',
          Destination: 'text',
          Name: 'text',
          Options: texts,
          Settable: texts,
          Source: 'pointer',
          Type: 'text',
        },
      },
    },
    Network: { members: { Type: 'text' } },
    PidHost: 'flag',
    PropagatedMount: 'text',
    User: { members: { GID: 'number', UID: 'number' }, omitted: ['GID', 'UID'] },
    WorkDir: 'text',
    rootfs: { maybe: { members: { diff_ids: texts, type: 'text' }, omitted: ['type'] } },
  },
  omitted: ['DockerVersion'],
};

/** Reads the text of a config.json. Throws invalidArgument. */
export function readConfig(json: string): PluginConfig {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw invalidArgument(`failed to parse config: ${errorText(error)}`, { cause: error });
  }
  try {
    const config = readAs(CONFIG, value) as PluginConfig;
    for (const type of config.Interface.Types ?? []) typeParts(type);
    return config;
  } catch (error) {
    throw prefixed(error, 'failed to parse config', 'invalidArgument');
  }
}

/** `docker.volumedriver/1.0` in its parts. */
export function typeParts(type: string): { readonly prefix: string; readonly capability: string; readonly version: string } {
  const [, prefix, capability, version] = /^(?:([^/]*)\.)?([^./]*)(?:\/(.*))?$/s.exec(type) ?? [];
  if (capability === undefined) throw invalidArgument(`${JSON.stringify(type)} is not a plugin interface type`);
  return { prefix: prefix ?? '', capability, version: version ?? '' };
}
