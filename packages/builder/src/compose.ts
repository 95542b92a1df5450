import { statfs } from 'node:fs/promises';
import { ContentService } from '@gantry/api/containerd/services/content/v1/content';
import { VersionService } from '@gantry/api/containerd/services/version/v1/version';
import { BuildServiceService } from '@gantry/api/gantry/build/v1/build';
import { ControlService } from '@gantry/api/moby/buildkit/v1/control';
import { LLBBridgeService } from '@gantry/api/moby/buildkit/v1/frontend/gateway';
import { TraceServiceService } from '@gantry/api/opentelemetry/proto/collector/trace/v1/trace_service';
import { StreamBroker } from '@gantry/rpc';
import type { Running, ServiceContext } from '@gantry/service';
import { assemble } from './assemble';
import { type BuilderConfig, revision } from './config';
import { GatewayForwarder } from './control/gateway-forwarder';
import { Collector } from './control/collector';
import { gcRules } from './control/gc-rules';
import { controlHandlers } from './control/handlers';
import { historyContent } from './control/history-content';
import { pruneCache } from './control/prune-cache';
import { imageBuilds } from './engine-api/build-image';
import { hostGateway } from './worker/host-gateway';
import { traceHandlers } from './control/traces';
import { usageOf } from './control/usage';
import { supportedPlatforms } from './executor/platforms/support';
import { listenTcp } from './listen';
import { openSession } from './session/open-session';
import { workerId } from './worker/identity';
import { workerRecord } from './worker/record';
import { ToldWorker } from './worker/told-worker';
import { toldVersion } from './worker/version';

/** The composition root: the only place that constructs anything. */
export async function compose(service: ServiceContext<BuilderConfig>): Promise<Running<BuilderConfig>> {
  const { config, logger, run } = service;
  const version = toldVersion(service.version, revision);
  const parts = await assemble(service);
  const { services, sessions, refs, jobs, exporters } = parts;
  const { blocks, bsize } = await statfs(service.data);
  const rules = gcRules(config, blocks * bsize);
  const collector = new Collector(refs, () => rules, logger);
  const record = workerRecord({
    id: await workerId(service.data),
    snapshotter: services.snapshotter,
    platforms: await supportedPlatforms(),
    labels: Object.fromEntries(config.labels.map((label) => [label.slice(0, label.indexOf('=')), label.slice(label.indexOf('=') + 1)])),
    gc: rules,
    version,
  });
  const worker = new ToldWorker({
    record,
    platforms: () => supportedPlatforms(),
    devices: parts.devices,
    hostGateway: () => hostGateway(config, services),
    logger,
  });
  parts.told.worker = worker;
  const usage = usageOf(refs);
  const forwarder = new GatewayForwarder();
  const broker = new StreamBroker({ runRoot: run, id: 'build', logger });
  const server = service.createServer();
  const control = controlHandlers({
    logger,
    sessions,
    jobs,
    forwarder,
    exporters,
    cacheExporters: parts.cacheExporters,
    processors: parts.processors,
    history: parts.history,
    usage,
    workers: () => worker.current(),
    lookAtDevices: () => parts.devices.refresh(),
    lookAtWorkers: () => worker.look(),
    containers: parts.containers,
    entitlements: new Set(config['insecure-entitlements']),
    version,
    collectSoon: () => collector.soon(),
  });
  server.addService(VersionService, { version: async () => ({ version: service.version, revision }) });
  server.addService(BuildServiceService, {
    openSession: openSession(sessions, broker),
    pruneCache: pruneCache(usage, services),
    ...imageBuilds({
      uploads: parts.uploads,
      tellers: parts.tellers,
      wishes: parts.wishes,
      known: parts.known,
      broker,
      sessions,
      solve: control.solve,
      status: jobs.status,
      services,
      refs,
      hostGateway: () => hostGateway(config, services),
    }),
  });
  server.addService(ControlService, control, { longCalls: ['solve'] });
  server.addService(TraceServiceService, traceHandlers(parts.traces));
  server.addService({ info: ContentService.info, read: ContentService.read }, historyContent(services, parts.history));
  server.addService(LLBBridgeService, forwarder.handlers(), { longCalls: ['solve', 'evaluate'] });
  let stopTcp = (): Promise<void> => Promise.resolve();
  return {
    async start() {
      await parts.start();
      await broker.listen();
      stopTcp = await listenTcp(config, server, logger);
      await server.listen(service.socket());
      collector.soon();
    },
    async stop() {
      await stopTcp();
      sessions.close();
      await server.stop();
      await parts.history.settled();
      await collector.stop();
      await broker.close();
      await parts.close();
    },
  };
}
