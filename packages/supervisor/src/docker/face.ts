import { VersionService } from '@gantry/api/containerd/services/version/v1/version';
import { ContainersServiceService } from '@gantry/api/gantry/engine/v1/containers';
import { EnginePluginsServiceService } from '@gantry/api/gantry/engine/v1/plugins';
import {
  EngineImagesServiceService,
  EngineNetworksServiceService,
  EngineVolumesServiceService,
  SystemServiceService,
} from '@gantry/api/gantry/engine/v1/resources';
import { ImagesServiceService, VolumesServiceService } from '@gantry/api/gantry/images/v1/images';
import { NetworkServiceService } from '@gantry/api/gantry/network/v1/network';
import { type Connection, forwardService, type Handlers, type RpcServer } from '@gantry/rpc';
import type { ServiceDefinition } from '@grpc/grpc-js';
import { defaultNamespace } from '../core/handlers';
import type { DockerEvents } from './events';
import type { DockerRecords } from './records';
import type { RuntimeTable } from '../core/runtimes';
import type { ContainersEngine } from './contract';
import { imagesHandlers } from './images';
import { type NetworksNeeds, networksHandlers } from './networks';
import { type ManagedPlugins, pluginsHandlers } from './plugins';
import { type Build, type EngineFacts, systemHandlers, type VersionQuestion } from './system';
import { type GuardNeeds, guarded } from './scopes';
import { volumesHandlers } from './volumes';

export interface EngineNeeds {
  readonly records: DockerRecords;
  readonly events: DockerEvents;
  readonly runtimes: RuntimeTable;
  readonly containers: ContainersEngine;
  readonly plugins: ManagedPlugins;
  readonly connections: { readonly images: Connection; readonly network: Connection; readonly shim: Connection };
  readonly facts: EngineFacts;
  /** Namespace whose images docker takes over; empty: there is none. */
  readonly imagesFrom: string;
  readonly networkOptions: NetworksNeeds['defaultOptions'];
  readonly build: Build;
  /** What decides on calls over sockets with a scope. */
  readonly guard: GuardNeeds;
}

const ASK_MS = 1000;

/** Adds gantry.engine.v1, docker's face, to the server; a call without a namespace is one in the engine's own. */
export function addEngineFace(server: RpcServer, needs: EngineNeeds): void {
  const { records, events, runtimes, containers, plugins, connections, facts, build, guard, imagesFrom } = needs;
  const images = connections.images.client(ImagesServiceService);
  const volumes = connections.images.client(VolumesServiceService);
  const network = connections.network.client(NetworkServiceService);
  const own = facts.namespace;
  /** As sockets with a scope may have it. */
  const face = <D extends ServiceDefinition>(service: string, handlers: Handlers<D>): Handlers<D> =>
    guarded<D>(guard, service, defaultNamespace<D>(handlers, own));

  const system = systemHandlers({
    facts,
    build,
    guard,
    records,
    runtimes,
    events,
    images,
    network,
    plugins: () => plugins.enabled(),
    services: versionQuestions(connections),
    containersWithSize: (ctx) => containers.listWithSizes(ctx),
  });

  server.addService(ContainersServiceService, face<typeof ContainersServiceService>('containers', containers.handlers), {
    longCalls: [...(containers.longCalls ?? [])],
  });
  server.addService(
    EngineImagesServiceService,
    face<typeof EngineImagesServiceService>('images', imagesHandlers({ images, records, events, imagesFrom })),
  );
  server.addService(
    EngineNetworksServiceService,
    face<typeof EngineNetworksServiceService>(
      'networks',
      networksHandlers({ network, records, events, containers, defaultOptions: needs.networkOptions }),
    ),
  );
  server.addService(
    EngineVolumesServiceService,
    face<typeof EngineVolumesServiceService>('volumes', volumesHandlers({ volumes, records, events })),
  );
  server.addService(
    EnginePluginsServiceService,
    face<typeof EnginePluginsServiceService>(
      'plugins',
      pluginsHandlers({ plugins, broker: containers.broker, use: { volumes, network, records } }),
    ),
  );
  server.addService(SystemServiceService, face<typeof SystemServiceService>('system', system));
  forwardService(server, ImagesServiceService, connections.images);
}

function versionQuestions({ images, network, shim }: EngineNeeds['connections']): Record<string, VersionQuestion> {
  const ask = (connection: Connection): VersionQuestion => {
    const client = connection.client(VersionService);
    return async (ctx) => (await client.version(ctx, {}, { timeoutMs: ASK_MS })).version;
  };
  return {
    'gantry-images': ask(images),
    'gantry-network': ask(network),
    'gantry-shim': ask(shim),
  };
}
