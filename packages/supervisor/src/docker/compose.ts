import { MountsService } from '@gantry/api/containerd/services/mounts/v1/mounts';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DiffService } from '@gantry/api/containerd/services/diff/v1/diff';
import { LeasesService } from '@gantry/api/containerd/services/leases/v1/leases';
import { SnapshotsService } from '@gantry/api/containerd/services/snapshots/v1/snapshots';
import { ImagesServiceService, VolumesServiceService } from '@gantry/api/gantry/images/v1/images';
import { TreesServiceService } from '@gantry/api/gantry/images/v1/trees';
import { HoldersServiceService } from '@gantry/api/gantry/shim/v1/shim';
import { NetworkServiceService } from '@gantry/api/gantry/network/v1/network';
import { detectCgroups } from '@gantry/linux';
import { findLooks, Looker } from '@gantry/linux/looks';
import { newContext, StreamBroker } from '@gantry/rpc';
import { defaultPlaces, Plugins } from '@gantry/service/plugins';
import { openJournal } from '../core/journal';
import { DEFAULT_SHM_SIZE } from '@gantry/spec';
import { defaultSeccompProfile } from '@gantry/oci/seccomp';
import type { ContainersEngine, EngineSurroundings } from './contract';
import { execEnded, reconcileExecs } from './exec/exec';
import { openExecStore } from './exec/store';
import { ExecTable } from './exec/table';
import { healthMonitors, testAnew, watchHealth } from './health/probe';
import { UnhealthyActions } from './health/unhealthy';
import { findProgram, locateProgram } from '@gantry/native';
import { HOST_GRACE_MS, hostGoesDown } from '@gantry/service';
import { isRunning } from '../core/phases';
import { LogForwarders } from './logs/forward/forwarders';
import { foreignLooks } from './looks';
import { Restarter } from '../core/exit/restarter';
import { prepareBaseLayer } from './create/base-layer';
import { type Engine, type EngineSettings, logPath } from './engine';
import { containerNetworks } from './connect/engine-network';
import { handleTaskEvent } from '../core/exit/task-events';
import { dockerFace } from './containers';
import { containersHandlers } from './handlers';
import { Idempotence } from '../core/queues/idempotence';
import { Lifecycle } from '../core/exit/lifecycle';
import { summaries } from './list/summaries';
import { Persistence } from '../core/queues/persistence';
import { ContainerQueues } from '../core/queues/queue';
import { reconcile } from './recover/reconcile';
import { removeFromContainerd } from './remove/remove-from-containerd';
import { stopContainers, stopWithin } from './stop/shutdown';
import { StatsSampler } from './stats/sampler';
import { startById } from './start/start';
import { unmountAtEnd } from './volumes/unmount';
import { DEFAULT_STOP_TIMEOUT } from './stop/signals';

/** Constructs the containers engine. Nothing happens before `start`. */
export function createContainersEngine(surroundings: EngineSurroundings, overrides: Partial<EngineSettings> = {}): ContainersEngine {
  const { connections, records, logger } = surroundings;
  const store = openExecStore(join(surroundings.run, 'tasks', 'execs.db'));
  const restarter = new Restarter((id) => {
    startById(engine, newContext({ namespace: records.dockerNamespace, logger }), id, 'policy').catch((error: unknown) =>
      logger.warn({ err: error, container: id }, 'the restart policy could not start a container'),
    );
  });
  const looks = new Looker(foreignLooks, findLooks('gantry-supervisor-looks', __dirname));
  const queues = new ContainerQueues();
  const persistence = new Persistence(queues, logger);
  const settings: EngineSettings = { ...settingsOf(surroundings), ...overrides };
  const forwarders = new LogForwarders({
    log: (id) => logPath({ settings }, id),
    logger,
    dropped: surroundings.logLinesDropped,
    surroundings: { plugins: new Plugins(settings.plugins), fifos: settings.plugins.logging },
  });
  const parts: Omit<Engine, 'face'> = {
    settings,
    records,
    pods: surroundings.pods,
    sandboxes: surroundings.sandboxes,
    journal: openJournal(surroundings.db),
    tasks: surroundings.tasks,
    taskEvents: surroundings.taskEvents,
    events: surroundings.events,
    images: connections.images.client(ImagesServiceService),
    trees: connections.images.client(TreesServiceService),
    volumes: connections.images.client(VolumesServiceService),
    snapshots: connections.images.client(SnapshotsService),
    diffs: connections.images.client(DiffService),
    activations: connections.shim.client(MountsService),
    leases: connections.images.client(LeasesService),
    network: connections.network.client(NetworkServiceService),
    holders: connections.shim.client(HoldersServiceService),
    runtimes: surroundings.runtimes,
    broker: new StreamBroker({ runRoot: surroundings.run, id: 'supervisor', logger }),
    logger,
    queues,
    persistence,
    once: new Idempotence(),
    life: new Lifecycle(restarter),
    execs: new ExecTable(store),
    forwarders,
    looks,
    sampler: new StatsSampler(surroundings),
  };
  const engine: Engine = { ...parts, face: dockerFace(parts) };
  engine.execs.onEnded = (exec) => execEnded(engine, exec);
  const unhealthy = new UnhealthyActions(engine);
  const health = healthMonitors(engine, (id) => unhealthy.act(id));
  engine.life.onStarted((id) => forwarders.begin(id, true));
  engine.life.onEnded((id) => forwarders.ended(id));
  unmountAtEnd(engine);
  let forget = (): void => undefined;
  return {
    ...containerNetworks(engine),
    handlers: containersHandlers(engine),
    broker: engine.broker,
    execContainer: (execId) => engine.execs.find(execId)?.containerId,
    listWithSizes: (ctx) => summaries(engine, ctx, { all: true, size: true }),
    removeFromContainerd: (ctx, id) => removeFromContainerd(engine, ctx, id),
    async start() {
      await engine.broker.listen();
      prepareBaseLayer(engine.settings.dataRoot);
      forget = surroundings.taskEvents.onEvent((event) => handleTaskEvent(engine, event));
      await reconcile(engine);
      await reconcileExecs(engine).catch((error: unknown) => logger.warn({ err: error }, 'reconciling execs failed'));
      for (const { id, docker } of records.listDocker()) {
        testAnew(engine, id);
        watchHealth(engine, health, id);
        unhealthy.act(id);
        forwarders.begin(id, isRunning(docker));
      }
    },
    change: (settings) => void Object.assign(engine.settings, settings),
    async stop() {
      restarter.stop();
      persistence.stop();
      looks.stop();
      health.stopAll();
      if (await hostGoesDown()) await stopContainers(engine, HOST_GRACE_MS);
      else if (!engine.settings.liveRestore) await stopWithin(engine);
      forget();
      await Promise.race([engine.queues.drain(), new Promise((resolve) => setTimeout(resolve, 3000).unref())]);
      await forwarders.close();
      await engine.broker.close();
      store.close();
    },
  };
}

function settingsOf({ data, run, defaultLog }: EngineSurroundings): EngineSettings {
  const initPath = findProgram('gantry-init', __dirname);
  return {
    ...(initPath === undefined ? {} : { initPath }),
    dataRoot: data,
    runRoot: run,
    bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim(),
    cgroupVersion: detectCgroups().mode === 'v2' ? 2 : 1,
    seccomp: defaultSeccompProfile(),
    cgroupParent: '',
    ulimits: [],
    noNewPrivileges: false,
    ipcMode: 'private',
    cgroupNamespace: '',
    liveRestore: true,
    cdiSpecDirs: [],
    shutdownTimeout: 15,
    init: false,
    dns: [],
    dnsSearch: [],
    dnsOptions: [],
    logDriver: defaultLog.Type,
    logOptions: defaultLog.Config,
    logBound: undefined,
    plugins: { ...defaultPlaces, logging: '/run/docker/logging' },
    imagesFrom: '',
    resolvConf: '/etc/resolv.conf',
    hostGatewayIps: [],
    defaultBridge: true,
    defaultShmSize: DEFAULT_SHM_SIZE,
    stopTimeout: DEFAULT_STOP_TIMEOUT,
    nativePath: () => locateProgram('gantry-native', __dirname),
  };
}
