import { join } from 'node:path';
import { LeasesService } from '@gantry/api/containerd/services/leases/v1/leases';
import { connect, createTtrpcServer, newContext } from '@gantry/rpc';
import type { Running, ServiceContext } from '@gantry/service';
import { logOptions, runtimeTable, type SupervisorConfig } from './config';
import { releaseOrphanLeases } from './containerd/containers/orphan-leases';
import { imageEventSource } from './containerd/events/image-events';
import { publishRecordChanges } from './containerd/events/record-events';
import { addTtrpcFace } from './containerd/events/events-service';
import { addContainerdFace } from './containerd/face';
import { createContainersEngine } from './docker/compose';
import type { EngineSurroundings } from './docker/contract';
import { addEngineFace } from './docker/face';
import { type EngineFacts, engineId, linkContainers } from './docker/system';
import { Envelopes } from './core/events';
import { DockerEvents } from './docker/events';
import { Database } from './core/records';
import { openDockerRecords } from './docker/records';
import { openSandboxes } from './core/sandboxes';
import { connectTasks, subscribeTaskEvents } from './core/tasks';
import { readHostRemap } from './core/userns';

/** Constructs the supervisor: both faces on one set of records, on one socket. */
export function compose(service: ServiceContext<SupervisorConfig>): Running {
  const { config, logger, run, data } = service;
  const build = { version: service.version, revision: '' };
  const db = new Database(join(data, 'state.db'));
  const records = openDockerRecords(db, config.namespace);
  const envelopes = new Envelopes();
  const events = new DockerEvents();
  const runtimes = runtimeTable(config);
  const remap = readHostRemap(config['userns-remap']);
  const connections = {
    images: connect(service.socket('images')),
    network: connect(service.socket('network')),
    shim: connect(service.socket('shim')),
  };
  const tasks = connectTasks(connections.shim);
  const taskEvents = subscribeTaskEvents(connections.shim, logger);
  taskEvents.onEvent(({ namespace, topic, timestamp, event }) => envelopes.forward({ namespace, topic, timestamp, event }));
  const ensureNamespace = (name: string): void => {
    if (records.namespaces.get(name) === undefined) records.namespaces.create(name, {});
  };
  const imageEvents = imageEventSource(connections.images, logger, (envelope) => {
    if (envelope.namespace !== '') ensureNamespace(envelope.namespace);
    envelopes.forward(envelope);
  });

  const surroundings: EngineSurroundings = {
    db,
    records,
    sandboxes: openSandboxes(db),
    tasks,
    taskEvents,
    events,
    runtimes,
    connections,
    logger,
    run,
    data,
    defaultLog: { Type: config['log-driver'], Config: logOptions(config) },
  };
  const containers = createContainersEngine(surroundings, {
    init: config.init,
    dns: config.dns,
    dnsSearch: config['dns-search'],
    dnsOptions: config['dns-opts'],
    hostGatewayIp: config['host-gateway-ip'],
    defaultShmSize: BigInt(config['default-shm-size']),
    stopTimeout: config['default-stop-timeout'],
    remap,
  });

  linkContainers(service.root, data);
  const facts: EngineFacts = {
    id: engineId(data),
    version: service.version,
    dataRoot: service.root,
    supervisorSocket: service.socket(),
    namespace: config.namespace,
    logDriver: config['log-driver'],
    labels: config.labels,
    registryMirrors: config['registry-mirrors'],
    insecureRegistries: config['insecure-registries'],
    userNamespaces: remap !== undefined,
    debug: config['log-level'] === 'debug' || config['log-level'] === 'trace',
  };
  // No default namespace: containerd's services must see that none was given.
  const server = service.createServer({ defaultNamespace: '' });
  addContainerdFace(server, {
    records,
    engineNamespace: config.namespace,
    tasks,
    envelopes,
    runtimes,
    docker: containers,
    images: connections.images,
    runRoot: run,
    uuid: facts.id,
    build,
    here: __dirname,
  });
  addEngineFace(server, { records, events, runtimes, containers, connections, facts, build });

  const ttrpc = createTtrpcServer({ logger });
  addTtrpcFace(ttrpc, envelopes);

  let unpublish = (): void => undefined;
  const stopping = new AbortController();
  const tidy = (): void => {
    const ctx = newContext({ signal: stopping.signal, namespace: config.namespace });
    const needs = { records, leases: connections.images.client(LeasesService), logger };
    releaseOrphanLeases(needs, ctx, BigInt(Math.floor(Date.now() / 1000))).catch((error: unknown) => {
      if (!stopping.signal.aborted) logger.warn({ err: error }, 'leases of containers that are gone were not all released');
    });
  };
  return {
    async start() {
      ensureNamespace(config.namespace);
      unpublish = publishRecordChanges(records, envelopes);
      await containers.start();
      taskEvents.start();
      imageEvents.start();
      tidy();
      await ttrpc.listen(`${service.socket()}.ttrpc`);
      await server.listen(service.socket());
    },
    async stop() {
      await Promise.all([server.stop(), ttrpc.stop()]);
      stopping.abort();
      await containers.stop();
      await Promise.all([taskEvents.stop(), imageEvents.stop()]);
      unpublish();
      for (const connection of Object.values(connections)) connection.close();
      db.close();
    },
  };
}
