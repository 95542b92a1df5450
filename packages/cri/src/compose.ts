import { ImageServiceService, RuntimeServiceService } from '@gantry/api/runtime/v1/api';
import type { Running, ServiceContext } from '@gantry/service';
import { completed } from './completed';
import type { CriConfig } from './config';
import { imageHandlers } from './images/handlers';
import { runtimeHandlers } from './runtime/handlers';
import { connectServices } from './services';

/** The composition root: the only place that constructs anything. */
export function compose(service: ServiceContext<CriConfig>): Running<CriConfig> {
  const { config } = service;
  const services = connectServices((name) => service.socket(name));
  const server = service.createServer();
  const add = completed;
  server.addService(
    RuntimeServiceService,
    add(RuntimeServiceService, config.namespace, runtimeHandlers({ services, config, version: service.version })),
  );
  server.addService(ImageServiceService, add(ImageServiceService, config.namespace, imageHandlers(services)));
  return {
    start: () => server.listen(service.socket()),
    async stop() {
      await server.stop();
      services.close();
    },
  };
}
