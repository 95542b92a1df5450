import { ContainersServiceService } from '@gantry/api/gantry/engine/v1/containers';
import {
  EngineImagesServiceService,
  EngineNetworksServiceService,
  EngineVolumesServiceService,
  SystemServiceService,
} from '@gantry/api/gantry/engine/v1/resources';
import { createServer, type Handlers, notImplemented, type RpcServer, silentLogger } from '@gantry/rpc';
import type { ServiceDefinition } from '@grpc/grpc-js';

/** What a test answers; every other call fails with notImplemented. */
export interface FakeAnswers {
  containers?: Partial<Handlers<typeof ContainersServiceService>>;
  images?: Partial<Handlers<typeof EngineImagesServiceService>>;
  networks?: Partial<Handlers<typeof EngineNetworksServiceService>>;
  volumes?: Partial<Handlers<typeof EngineVolumesServiceService>>;
  system?: Partial<Handlers<typeof SystemServiceService>>;
}

/** gantry.engine.v1 over real gRPC on a unix socket, answered by a test. */
export async function serveFakeEngine(socketPath: string, answers: FakeAnswers): Promise<RpcServer> {
  const server = createServer({ logger: silentLogger });
  const add = <D extends ServiceDefinition>(definition: D, handlers: Partial<Handlers<D>> = {}): void => {
    const missing = Object.keys(definition).map((name) => [
      name,
      () => {
        throw notImplemented(`the fake engine has no ${name}`);
      },
    ]);
    server.addService(definition, { ...Object.fromEntries(missing), ...handlers } as Handlers<D>);
  };
  add(ContainersServiceService, answers.containers);
  add(EngineImagesServiceService, answers.images);
  add(EngineNetworksServiceService, answers.networks);
  add(EngineVolumesServiceService, answers.volumes);
  add(SystemServiceService, answers.system);
  await server.listen(socketPath);
  return server;
}
