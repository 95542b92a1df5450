import { ContainersServiceService } from '@gantry/api/gantry/engine/v1/containers';
import { EnginePluginsServiceService } from '@gantry/api/gantry/engine/v1/plugins';
import {
  EngineImagesServiceService,
  EngineNetworksServiceService,
  EngineVolumesServiceService,
  SystemServiceService,
} from '@gantry/api/gantry/engine/v1/resources';

/** The services of docker's face as verbs name them: `containers.execCreate`. */
export const services = {
  containers: ContainersServiceService,
  images: EngineImagesServiceService,
  networks: EngineNetworksServiceService,
  volumes: EngineVolumesServiceService,
  plugins: EnginePluginsServiceService,
  system: SystemServiceService,
} as const;

/** What the gateway asks the builder itself, with the supervisor's leave. */
const OF_BUILDER = ['build.image', 'build.cancel', 'build.prune', 'build.session', 'build.grpc'] as const;

/** Everything that can be asked for. */
export const VERBS: readonly string[] = [
  ...Object.entries(services).flatMap(([service, definition]) => Object.keys(definition).map((method) => `${service}.${method}`)),
  ...OF_BUILDER,
];

const known = new Set(VERBS);
export const isVerb = (verb: string): boolean => known.has(verb);

/** What only looks. Whatever is not named here changes something, or may. */
const READING = new Set([
  ...[
    'inspect',
    'list',
    'logs',
    'stats',
    'top',
    'wait',
    'changes',
    'statArchive',
    'getArchive',
    'export',
    'execInspect',
    'checkpointList',
  ].map((method) => `containers.${method}`),
  ...['listImages', 'inspectImage', 'imageHistory', 'listAttestations', 'saveImages', 'getDistribution', 'searchImages'].map(
    (method) => `images.${method}`,
  ),
  ...['networks.listNetworks', 'networks.inspectNetwork', 'volumes.listVolumes', 'volumes.inspectVolume'],
  ...['plugins.listPlugins', 'plugins.inspectPlugin', 'plugins.getPluginPrivileges'],
  ...['getInfo', 'getVersion', 'events', 'getDiskUsage'].map((method) => `system.${method}`),
]);
export const isReading = (verb: string): boolean => READING.has(verb);

/** Of those that labels do not tell apart: what tells nothing of others' containers, and changes nothing. */
const SHARED = new Set([
  ...['system.getInfo', 'system.getVersion', 'system.auth'],
  ...[
    'images.listImages',
    'images.inspectImage',
    'images.imageHistory',
    'images.listAttestations',
    'images.getDistribution',
    'images.searchImages',
  ],
]);
export const isShared = (verb: string): boolean => SHARED.has(verb);
