import type { ContainerConfig } from '@gantry/api/gantry/engine/v1/types';
import { hostname } from 'node:os';
import { compilePattern, type Pattern } from '@gantry/oci/pattern';
import type { LogSubject } from './drivers/driver';
import type { LogOptions } from './options/cache';
import { renderTag } from './tag-template';

/** What is known of a container at its start. */
export interface LoggedContainer {
  readonly id: string;
  readonly name: string;
  readonly imageId: string;
  readonly path: string;
  readonly args: readonly string[];
  readonly created: string;
  readonly config: ContainerConfig;
}

/** What log drivers may tell of a container, by its options. Throws invalidArgument for a tag or an expression that is none. */
export function logSubject(container: LoggedContainer, options: LogOptions, tag: string): LogSubject {
  const { id, name, imageId, config, path, args } = container;
  const command = [path, ...args].join(' ');
  const fields = {
    ID: id.slice(0, 12),
    FullID: id,
    ContainerID: id,
    Name: name,
    ContainerName: `/${name}`,
    ImageID: imageId.slice(0, 12),
    ImageFullID: imageId,
    ContainerImageID: imageId,
    ImageName: config.Image,
    ContainerImageName: config.Image,
    Command: command,
    ContainerEntrypoint: path,
    ContainerArgs: args,
    ContainerEnv: config.Env,
    ContainerCreated: container.created,
    DaemonName: 'docker',
    Hostname: hostname(),
    LogPath: '',
  };
  return {
    id,
    name,
    imageId,
    imageName: config.Image,
    command,
    created: container.created,
    tag: renderTag((options['tag'] ?? '') === '' ? tag : (options['tag'] ?? ''), fields),
    attributes: attributesOf(config, options),
  };
}

/** Labels and environment that the options name, by list and by expression. */
function attributesOf({ Labels, Env }: ContainerConfig, options: LogOptions): Record<string, string> {
  const found: Record<string, string> = {};
  const take = (entries: readonly (readonly [string, string])[], kind: 'labels' | 'env'): void => {
    const wanted = new Set((options[kind] ?? '').split(',').filter((name) => name !== ''));
    const pattern = options[`${kind}-regex`] ?? '';
    const regex: Pattern | undefined = pattern === '' ? undefined : compilePattern(pattern);
    for (const [name, value] of entries) if (wanted.has(name) || regex?.test(name) === true) found[name] = value;
  };
  take(Object.entries(Labels), 'labels');
  const environment = Env.filter((entry) => entry.includes('=')).map((entry) => {
    const at = entry.indexOf('=');
    return [entry.slice(0, at), entry.slice(at + 1)] as const;
  });
  if (environment.length > 0) take(environment, 'env'); // as dockerd: an expression for nothing is not read
  return found;
}
