import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LeasesService } from '@gantry/api/containerd/services/leases/v1/leases';
import { connect, createTtrpcServer, newContext } from '@gantry/rpc';
import { hostGoesDown, type Running, type ServiceContext } from '@gantry/service';
import { isPlugin, withManaged } from '@gantry/service/plugins';
import { checkDefaultLog, criOf, logOptions, networkOptions, runtimeTable, type SupervisorConfig } from './config';
import { releaseOrphanLeases } from './containerd/containers/orphan-leases';
import { imageEventSource } from './containerd/events/image-events';
import { publishRecordChanges } from './containerd/events/record-events';
import { addTtrpcFace } from './containerd/events/events-service';
import { addContainerdFace } from './containerd/face';
import { endSandboxesOfEarlierBoots } from './containerd/sandboxes/reboot';
import { createContainersEngine } from './docker/compose';
import type { EngineSurroundings } from './docker/contract';
import { countDropped } from './docker/logs/forward/metrics';
import { addEngineFace } from './docker/face';
import { countDecisions, type GuardNeeds, readScopes } from './docker/scopes';
import { linkContainers, reloadAttributes } from './docker/system';
import { engineSettings, factsOf } from './settings';
import { Envelopes } from './core/events';
import { ManagedPlugins, openPluginRecords, PluginFolders, PluginProcesses, pluginStores, sweepPlugins } from './docker/plugins';
import { DockerEvents, type EventBounds, followBuilder, openEventJournal, tellJournal } from './docker/events';
import { Database } from './core/records';
import { noteOom } from './containerd/tasks/oom-note';
import { noPods, podContainers, refusingPods } from './docker/pods';
import { openDockerRecords } from './docker/records';
import { openSandboxes } from './core/sandboxes';
import { connectTasks, subscribeTaskEvents } from './core/tasks';
import { readHostRemap } from './core/userns';

/** Constructs the supervisor: both faces on one set of records, on one socket. */
export function compose(service: ServiceContext<SupervisorConfig>): Running<SupervisorConfig> {
  const { config, logger, run, data } = service;
  const build = { version: service.version, revision: '', experimental: config.experimental };
  const bounds: EventBounds = { events: config['event-journal']['max-events'], bytes: config['event-journal']['max-size'] };
  const db = new Database(join(data, 'state.db'), bounds.bytes);
  const cri = criOf(config);
  const dockers = openDockerRecords(db, config.namespace);
  const records = cri.visible ? refusingPods(dockers, cri.namespace) : dockers;
  const sandboxes = openSandboxes(db);
  const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  const envelopes = new Envelopes();
  const eventJournal = openEventJournal(db, logger, bounds);
  const events = new DockerEvents(eventJournal, logger);
  tellJournal(service.metrics.registry, eventJournal);
  const runtimes = runtimeTable(config);
  const remap = readHostRemap(config['userns-remap']);
  const connections = {
    images: connect(service.socket('images')),
    network: connect(service.socket('network')),
    shim: connect(service.socket('shim')),
  };
  const tasks = connectTasks(connections.shim);
  const taskEvents = subscribeTaskEvents(connections.shim, logger);
  taskEvents.onEvent(({ namespace, topic, timestamp, event }) => {
    noteOom(records, { namespace, topic, event });
    envelopes.forward({ namespace, topic, timestamp, event });
  });
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
    pods: cri.visible ? podContainers(cri.namespace) : noPods,
    sandboxes,
    tasks,
    taskEvents,
    events,
    runtimes,
    connections,
    logger,
    run,
    data,
    logLinesDropped: countDropped(service.metrics.registry),
    defaultLog: { Type: config['log-driver'], Config: logOptions(config) },
  };
  const folders = new PluginFolders({ data, run });
  const settings = { ...engineSettings(config, remap), plugins: withManaged(config.plugins, run) };
  const containers = createContainersEngine(surroundings, settings);
  linkContainers(service.root, data);
  const facts = factsOf(service);
  // No default namespace: containerd's services must see that none was given.
  const server = service.createServer({ defaultNamespace: '' });
  const face = addContainerdFace(server, {
    records,
    engineNamespace: config.namespace,
    sandboxes,
    tasks,
    envelopes,
    runtimes,
    docker: containers,
    images: connections.images,
    shim: connections.shim,
    runRoot: run,
    uuid: facts.id,
    build,
    here: __dirname,
    bootId,
  });
  const plugins = new ManagedPlugins({
    records: openPluginRecords(db),
    processes: new PluginProcesses({ face, folders, cgroupParent: config['cgroup-parent'] }),
    folders,
    stores: pluginStores(connections.images),
    events,
    logger,
  });
  let liveRestore = config['live-restore'];
  let scopes = readScopes(config['socket-scopes']);
  const guard: GuardNeeds = {
    scopes: () => scopes,
    container: (ref) => records.requireDocker(ref),
    execContainer: (execId) => containers.execContainer(execId),
    logger,
    decided: countDecisions(service.metrics.registry),
  };
  const options = networkOptions(config);
  addEngineFace(server, {
    records,
    events,
    runtimes,
    containers,
    plugins,
    connections,
    facts,
    build,
    guard,
    imagesFrom: settings.imagesFrom ?? '',
    networkOptions: options,
  });

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
      checkDefaultLog(config, (name) => plugins.isEnabled(name) || isPlugin(config.plugins, name));
      ensureNamespace(config.namespace);
      endSandboxesOfEarlierBoots({ records, sandboxes }, bootId);
      unpublish = publishRecordChanges(records, envelopes);
      await plugins.start(); // containers may have volumes of theirs
      await containers.start();
      taskEvents.start();
      imageEvents.start();
      followBuilder(envelopes, events, config.namespace, stopping.signal).catch((error: unknown) =>
        logger.error({ err: error }, 'events of the builder are told no more'),
      );
      tidy();
      sweepPlugins(plugins, stopping.signal).catch((error: unknown) => {
        if (!stopping.signal.aborted) logger.warn({ err: error }, 'what plugins left that were being made was not all removed');
      });
      await ttrpc.listen(`${service.socket()}.ttrpc`);
      await server.listen(service.socket());
    },
    async reload(changed) {
      runtimes.become(runtimeTable(changed));
      scopes = readScopes(changed['socket-scopes']);
      liveRestore = changed['live-restore'];
      containers.change({
        liveRestore,
        shutdownTimeout: changed['shutdown-timeout'],
        defaultShmSize: BigInt(changed['default-shm-size']),
        ipcMode: changed['default-ipc-mode'],
        cgroupNamespace: changed['default-cgroupns-mode'],
      });
      logger.debug(`Reset Shutdown Timeout: ${changed['shutdown-timeout']}`);
      Object.assign(facts, factsOf({ ...service, config: changed }));
      events.emit({ type: 'daemon', action: 'reload', id: facts.id, attributes: reloadAttributes(changed) });
    },
    async stop() {
      await Promise.all([server.stop(), ttrpc.stop()]);
      stopping.abort();
      await containers.stop();
      await plugins.stop({ live: liveRestore && !(await hostGoesDown()) });
      await Promise.all([taskEvents.stop(), imageEvents.stop()]);
      unpublish();
      for (const connection of Object.values(connections)) connection.close();
      db.close();
    },
  };
}
