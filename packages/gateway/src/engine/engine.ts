import { ContainersServiceService } from '@gantry/api/gantry/engine/v1/containers';
import { EnginePluginsServiceService } from '@gantry/api/gantry/engine/v1/plugins';
import {
  EngineImagesServiceService,
  EngineNetworksServiceService,
  EngineVolumesServiceService,
  SystemServiceService,
} from '@gantry/api/gantry/engine/v1/resources';
import { type Connection, type ServiceClient, unavailable } from '@gantry/rpc';
import { type BuilderClients, builderOver } from './builder';
import { Outputs } from './outputs';
import { WrittenSummaries } from './written-summaries';
import { waitOut } from './wait-out';

/** What the gateway needs of the engine: the services of gantry.engine.v1, and to know that somebody is there. */
export interface EngineClients {
  readonly containers: ServiceClient<typeof ContainersServiceService>;
  readonly images: ServiceClient<typeof EngineImagesServiceService>;
  readonly networks: ServiceClient<typeof EngineNetworksServiceService>;
  readonly volumes: ServiceClient<typeof EngineVolumesServiceService>;
  readonly plugins: ServiceClient<typeof EnginePluginsServiceService>;
  readonly system: ServiceClient<typeof SystemServiceService>;
  readonly builder: BuilderClients;
  /** What clients of this gateway are attached to. */
  readonly outputs: Outputs;
  /** Containers as lists of this gateway showed them. */
  readonly summaries: WrittenSummaries;
  /** Resolves at once while connected; waits out a restart of the supervisor. Rejects with unavailable. */
  ready(): Promise<void>;
}

export function engineOver(connection: Connection, builder: Connection): EngineClients {
  return {
    containers: connection.client(ContainersServiceService),
    images: connection.client(EngineImagesServiceService),
    networks: connection.client(EngineNetworksServiceService),
    volumes: connection.client(EngineVolumesServiceService),
    plugins: connection.client(EnginePluginsServiceService),
    system: connection.client(SystemServiceService),
    builder: builderOver(builder),
    outputs: new Outputs(),
    summaries: new WrittenSummaries(),
    async ready() {
      if (connection.established) return;
      await waitOut(connection).catch((error: unknown) => {
        throw unavailable(`the engine does not answer: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
      });
    },
  };
}
