import { ImageServiceService } from '@gantry/api/runtime/v1/api';
import { newContext } from '@gantry/rpc';
import { StreamingServer } from '@gantry/streaming';
import { hostGoesDown, type Running, type ServiceContext } from '@gantry/service';
import { completed } from './completed';
import type { CriConfig } from './config';
import { containerHandlers } from './containers/handlers';
import { KnownContainers, watched } from './containers/known';
import { runtimeService } from './containers/rows';
import { stopWithHost } from './containers/with-host';
import { EventHub } from './events/hub';
import { watchEnds } from './events/watch';
import { imageHandlers } from './images/handlers';
import { Members } from './members';
import { Names } from './names';
import { recover } from './recover';
import { runtimeHandlers } from './runtime/handlers';
import { podHandlers } from './sandboxes/handlers';
import type { Needs } from './sandboxes/needs';
import { connectServices } from './services';
import { statsHandlers } from './stats/handlers';
import { streamHandlers } from './streams/handlers';
import { streamingRuntime } from './streams/runtime';

/** The composition root: the only place that constructs anything. */
export function compose(service: ServiceContext<CriConfig>): Running<CriConfig> {
  const { config, logger, data, run, version } = service;
  const connected = connectServices((name) => service.socket(name));
  const known = new KnownContainers(connected);
  const services = { ...connected, containers: watched(connected.containers, (id) => known.changed(id)) };
  const members = new Members();
  const events = new EventHub({ services, members }, logger);
  const needs: Needs = { services, config, roots: { data, run }, names: new Names(), members, known, events, logger };
  const server = service.createServer();
  const streams = new StreamingServer({
    runtime: streamingRuntime(needs, newContext({ namespace: config.namespace })),
    logger,
    address: config['stream-server-address'],
    port: config['stream-server-port'],
  });
  const runtime = {
    ...runtimeHandlers({ services, config, version }),
    ...podHandlers(needs),
    ...containerHandlers(needs),
    ...statsHandlers(needs),
    ...streamHandlers(needs, streams),
  };
  server.addService(runtimeService, completed(runtimeService, config.namespace, runtime), {
    longCalls: ['execSync', 'stopContainer', 'checkpointContainer'],
  });
  server.addService(ImageServiceService, completed(ImageServiceService, config.namespace, imageHandlers(services)));
  const stopping = new AbortController();
  let watching: Promise<void> = Promise.resolve();
  return {
    async start() {
      const ctx = newContext({ namespace: config.namespace, signal: stopping.signal });
      await recover(needs, ctx);
      watching = watchEnds(needs, ctx);
      await streams.listen();
      await server.listen(service.socket());
    },
    async stop() {
      const withHost = hostGoesDown();
      await server.stop();
      if (await withHost) await stopWithHost(needs, newContext({ namespace: config.namespace, logger })); // while their ends are still heard of
      stopping.abort();
      await streams.close();
      await watching;
      services.close();
    },
  };
}
