import type { PluginConfig, PluginDevice, PluginMount } from './config';

/** What its administrator set, where the configuration lets it be set. */
export interface PluginSettings {
  readonly Args: readonly string[];
  readonly Devices: readonly PluginDevice[];
  readonly Env: readonly string[];
  readonly Mounts: readonly PluginMount[];
}

/** A managed plugin as it is kept. */
export interface PluginRecord {
  readonly id: string;
  /** Familiar, with its tag. */
  readonly name: string;
  /** Where it came from; empty for one whose upgrade nobody can ask for. */
  readonly reference: string;
  readonly enabled: boolean;
  readonly config: PluginConfig;
  readonly settings: PluginSettings;
  /** The manifest's digest, and the name of the image that keeps its blobs. */
  readonly manifest: string;
  readonly image: string;
  /** Path of the root file system, and the key of its snapshot. */
  readonly rootfs: string;
  readonly rootfsKey: string;
  readonly snapshotter: string;
  /** What a call of it may take, seconds; 0: it was never said. */
  readonly timeout: number;
}

/** As GET /plugins/{name}/json shows it. */
export const shown = ({ config, enabled, id, name, reference, settings }: PluginRecord): object => ({
  Config: config,
  Enabled: enabled,
  Id: id,
  Name: name,
  ...(reference === '' ? {} : { PluginReference: reference }),
  Settings: settings,
});

/** What a plugin is set to that nobody has set yet. */
export function initialSettings(config: PluginConfig): PluginSettings {
  return {
    Args: [...(config.Args.Value ?? [])],
    Devices: (config.Linux.Devices ?? []).map((device) => ({ ...device })),
    Env: (config.Env ?? []).flatMap(({ Name, Value }) => (Value === null ? [] : [`${Name}=${Value}`])),
    Mounts: (config.Mounts ?? []).map((mount) => ({ ...mount })),
  };
}
