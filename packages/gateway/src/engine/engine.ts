import { ContainersServiceService } from '@gantry/api/gantry/engine/v1/containers';
import {
  EngineImagesServiceService,
  EngineNetworksServiceService,
  EngineVolumesServiceService,
  SystemServiceService,
} from '@gantry/api/gantry/engine/v1/resources';
import { type Connection, type ServiceClient, unavailable } from '@gantry/rpc';

/** What the gateway needs of the engine: the services of gantry.engine.v1, and to know that somebody is there. */
export interface EngineClients {
  readonly containers: ServiceClient<typeof ContainersServiceService>;
  readonly images: ServiceClient<typeof EngineImagesServiceService>;
  readonly networks: ServiceClient<typeof EngineNetworksServiceService>;
  readonly volumes: ServiceClient<typeof EngineVolumesServiceService>;
  readonly system: ServiceClient<typeof SystemServiceService>;
  /** Resolves at once while connected; waits out a restart of the supervisor. Rejects with unavailable. */
  ready(): Promise<void>;
}

/** Longest wait for a supervisor that restarts, milliseconds. */
const READY_MS = 10_000;

export function engineOver(connection: Connection): EngineClients {
  return {
    containers: connection.client(ContainersServiceService),
    images: connection.client(EngineImagesServiceService),
    networks: connection.client(EngineNetworksServiceService),
    volumes: connection.client(EngineVolumesServiceService),
    system: connection.client(SystemServiceService),
    async ready() {
      if (connection.established) return;
      await connection.ready(READY_MS).catch((error: unknown) => {
        throw unavailable(`the engine does not answer: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
      });
    },
  };
}
