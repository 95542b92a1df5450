import { VersionService } from '@gantry/api/containerd/services/version/v1/version';
import { ContainersServiceService } from '@gantry/api/gantry/engine/v1/containers';
import {
  EngineImagesServiceService,
  EngineNetworksServiceService,
  EngineVolumesServiceService,
  SystemServiceService,
} from '@gantry/api/gantry/engine/v1/resources';
import { ImagesServiceService, VolumesServiceService } from '@gantry/api/gantry/images/v1/images';
import { NetworkServiceService } from '@gantry/api/gantry/network/v1/network';
import { type Connection, forwardService, type RpcServer } from '@gantry/rpc';
import { defaultNamespace } from '../core/handlers';
import type { DockerEvents } from './events';
import type { DockerRecords } from './records';
import type { RuntimeTable } from '../core/runtimes';
import type { ContainersEngine } from './contract';
import { imagesHandlers } from './images';
import { type NetworksNeeds, networksHandlers } from './networks';
import { type Build, type EngineFacts, systemHandlers, type VersionQuestion } from './system';
import { volumesHandlers } from './volumes';

export interface EngineNeeds {
  readonly records: DockerRecords;
  readonly events: DockerEvents;
  readonly runtimes: RuntimeTable;
  readonly containers: ContainersEngine;
  readonly connections: { readonly images: Connection; readonly network: Connection; readonly shim: Connection };
  readonly facts: EngineFacts;
  readonly networkOptions: NetworksNeeds['defaultOptions'];
  readonly build: Build;
}

const ASK_MS = 1000;

/** Adds gantry.engine.v1, docker's face, to the server; a call without a namespace is one in the engine's own. */
export function addEngineFace(server: RpcServer, needs: EngineNeeds): void {
  const { records, events, runtimes, containers, connections, facts, build } = needs;
  const images = connections.images.client(ImagesServiceService);
  const volumes = connections.images.client(VolumesServiceService);
  const network = connections.network.client(NetworkServiceService);
  const own = facts.namespace;

  const system = systemHandlers({
    facts,
    build,
    records,
    runtimes,
    events,
    images,
    network,
    services: versionQuestions(connections),
    containersWithSize: async (ctx) => (await containers.handlers.list(ctx, { all: true, limit: 0, size: true, filters: {} })).containers,
  });

  server.addService(ContainersServiceService, defaultNamespace<typeof ContainersServiceService>(containers.handlers, own), {
    longCalls: [...(containers.longCalls ?? [])],
  });
  server.addService(
    EngineImagesServiceService,
    defaultNamespace<typeof EngineImagesServiceService>(imagesHandlers({ images, records, events }), own),
  );
  server.addService(
    EngineNetworksServiceService,
    defaultNamespace<typeof EngineNetworksServiceService>(
      networksHandlers({ network, records, events, containers, defaultOptions: needs.networkOptions }),
      own,
    ),
  );
  server.addService(
    EngineVolumesServiceService,
    defaultNamespace<typeof EngineVolumesServiceService>(volumesHandlers({ volumes, records, events }), own),
  );
  server.addService(SystemServiceService, defaultNamespace<typeof SystemServiceService>(system, own));
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
