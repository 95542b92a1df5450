import { BuildServiceService } from '@gantry/api/gantry/build/v1/build';
import { ContainersServiceService } from '@gantry/api/gantry/engine/v1/containers';
import { EnginePluginsServiceService } from '@gantry/api/gantry/engine/v1/plugins';
import {
  EngineImagesServiceService,
  EngineNetworksServiceService,
  EngineVolumesServiceService,
  SystemServiceService,
} from '@gantry/api/gantry/engine/v1/resources';
import { ControlService } from '@gantry/api/moby/buildkit/v1/control';
import { createServer, type Handlers, notImplemented, type RpcServer, silentLogger } from '@gantry/rpc';
import type { ServiceDefinition } from '@grpc/grpc-js';

/** What a test answers; every other call fails with notImplemented. */
export interface FakeAnswers {
  containers?: Partial<Handlers<typeof ContainersServiceService>>;
  images?: Partial<Handlers<typeof EngineImagesServiceService>>;
  networks?: Partial<Handlers<typeof EngineNetworksServiceService>>;
  volumes?: Partial<Handlers<typeof EngineVolumesServiceService>>;
  plugins?: Partial<Handlers<typeof EnginePluginsServiceService>>;
  system?: Partial<Handlers<typeof SystemServiceService>>;
  /** None: there is no builder. */
  builder?: FakeBuilder;
}

export interface FakeBuilder {
  build?: Partial<Handlers<typeof BuildServiceService>>;
  control?: Partial<Handlers<typeof ControlService>>;
}

/** gantry.engine.v1 over real gRPC on a unix socket, answered by a test. */
export async function serveFakeEngine(socketPath: string, answers: FakeAnswers): Promise<RpcServer> {
  const server = createServer({ logger: silentLogger });
  add(server, ContainersServiceService, answers.containers);
  add(server, EngineImagesServiceService, answers.images);
  add(server, EngineNetworksServiceService, answers.networks);
  add(server, EngineVolumesServiceService, answers.volumes);
  add(server, EnginePluginsServiceService, answers.plugins);
  add(server, SystemServiceService, answers.system);
  await server.listen(socketPath);
  return server;
}

/** The builder's services, in the same way. */
export async function serveFakeBuilder(socketPath: string, answers: FakeBuilder): Promise<RpcServer> {
  const server = createServer({ logger: silentLogger });
  add(server, BuildServiceService, answers.build);
  add(server, ControlService, answers.control);
  await server.listen(socketPath);
  return server;
}

function add<D extends ServiceDefinition>(server: RpcServer, definition: D, handlers: Partial<Handlers<D>> = {}): void {
  const missing = Object.keys(definition).map((name) => [
    name,
    () => {
      throw notImplemented(`the fake engine has no ${name}`);
    },
  ]);
  server.addService(definition, { ...Object.fromEntries(missing), ...handlers } as Handlers<D>);
}
