import type { LogOptions } from '../../options/cache';
import type { LoggedContainer } from '../../subject';

/** What a plugin is told of a container, in the protocol's words. */
export interface PluginLogInfo {
  readonly Config: LogOptions;
  readonly ContainerID: string;
  readonly ContainerName: string;
  readonly ContainerEntrypoint: string;
  readonly ContainerArgs: readonly string[];
  readonly ContainerImageID: string;
  readonly ContainerImageName: string;
  readonly ContainerCreated: string;
  readonly ContainerEnv: readonly string[];
  readonly ContainerLabels: Readonly<Record<string, string>>;
  readonly LogPath: string;
  readonly DaemonName: string;
}

export function pluginInfo(container: LoggedContainer, options: LogOptions, path: string): PluginLogInfo {
  const { id, name, imageId, config, args, created } = container;
  return {
    Config: options,
    ContainerID: id,
    ContainerName: `/${name}`,
    ContainerEntrypoint: container.path,
    ContainerArgs: args,
    ContainerImageID: imageId,
    ContainerImageName: config.Image,
    ContainerCreated: created,
    ContainerEnv: config.Env,
    ContainerLabels: config.Labels,
    LogPath: path,
    DaemonName: 'docker',
  };
}
