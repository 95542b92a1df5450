import { connect } from '@gantry/rpc';
import type { Running, ServiceContext } from '@gantry/service';
import { Plugins, withManaged } from '@gantry/service/plugins';
import { Authorizer } from './authorization/authorizer';
import { type GatewayConfig, listenAddresses, namedSockets, socketGroup, tlsFiles } from './config';
import { engineOver } from './engine/engine';
import { Dispatcher } from './http/dispatch';
import { isLocal, type ListenAddress } from './http/listen-address';
import { Listener } from './http/listener';
import { Router } from './http/router';
import { httpMetrics } from './metrics';
import { routes } from './routes/table';

/** Constructs the gateway: one dispatcher behind every host, and the supervisor's socket behind the dispatcher. */
export function compose(service: ServiceContext<GatewayConfig>): Running<GatewayConfig> {
  const { config, logger, run } = service;
  const connection = connect(service.socket('supervisor'));
  const builder = connect(service.socket('build'));
  // health and reflection
  const server = service.createServer();
  const observer = httpMetrics(service.metrics);
  const authorizer = new Authorizer(new Plugins(withManaged(config.plugins, run)), config['authorization-plugins']);
  const dispatcherOf = (socket?: string): Dispatcher =>
    new Dispatcher({
      router: new Router(routes),
      engine: engineOver(connection, builder),
      logger,
      version: service.version,
      oldest: config['min-api-version'],
      experimental: config.experimental,
      buildkit: config.buildkit,
      observer,
      authorizer,
      ...(socket === undefined ? {} : { socket }),
      ...(service.tracer === undefined ? {} : { tracer: service.tracer }),
    });
  const gid = socketGroup(config.group);
  if (gid === undefined && config.group !== '') logger.warn({ group: config.group }, 'group does not exist: only root may use the socket');
  const tls = tlsFiles(config);
  const hostNames = config['host-names'].map((name) => name.toLowerCase());
  const listenerAt = (address: ListenAddress, dispatcher: Dispatcher, gid: number | undefined): Listener =>
    new Listener({
      address,
      dispatcher,
      logger,
      hostNames,
      ...(gid === undefined ? {} : { gid }),
      ...(tls === undefined || isLocal(address) ? {} : { tls }),
    });
  const listeners: Listener[] = [];
  return {
    async start() {
      await server.listen(service.socket());
      const serve = async (listener: Listener, fields: object): Promise<void> => {
        listeners.push(listener);
        await listener.start();
        logger.info({ address: listener.address, ...fields }, 'serving the Engine API');
      };
      const dispatcher = dispatcherOf();
      // By name first: fd:// takes what is left.
      for (const { name, group, address } of namedSockets(config))
        await serve(listenerAt(address, dispatcherOf(name), group === undefined ? gid : socketGroup(group)), { socket: name });
      for (const address of listenAddresses(config, run)) await serve(listenerAt(address, dispatcher, gid), {});
    },
    async reload(changed) {
      authorizer.change(changed['authorization-plugins']);
    },
    async stop() {
      await Promise.all(listeners.map((listener) => listener.stop(config['shutdown-timeout'] * 1000)));
      await server.stop();
      connection.close();
      builder.close();
    },
  };
}
