import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { locateProgram, TreeProgram } from '@gantry/native';
import { hostPlatform } from '@gantry/oci';
import { newContext, shortSocketPath } from '@gantry/rpc';
import type { ServiceContext } from '@gantry/service';
import { makeProcessors } from './attest/processors';
import { makeJobs } from './bridge';
import { makeCacheExporters, makeCacheOrigins } from './cache/caches';
import { makeCacheImports } from './cache/import-caches';
import { addressesOf, type BuilderConfig, cacheEnvironment, historyKeep, proxySettings, version } from './config';
import { storedStepImages } from './engine-api/step-images';
import { withUploads } from './engine-api/upload-source';
import { Uploads } from './engine-api/uploads';
import type { StepWishes } from './ops/exec/step-wishes';
import { KnownDevices } from './executor/devices/known-devices';
import { makeExporters } from './exporters/make-exporters';
import { classicTables, classicTrees, StoredSteps } from './frontend/dockerfile/classic/known-steps';
import { makeClassicFrontend } from './frontend/dockerfile/classic/make-classic-frontend';
import { CLASSIC, type ClassicTeller } from './frontend/dockerfile/classic/teller';
import { makeDockerfileFrontend } from './frontend/dockerfile/make-frontend';
import { makeHistory } from './history/make-history';
import { historyTables } from './history/tables';
import { makeBuildOp } from './ops/build/make-build-op';
import { composeExec } from './ops/exec/compose';
import { makeContainers } from './frontend/gateway/containers/container-rpcs';
import { makeGatewayFrontend } from './frontend/gateway/image/make-frontend';
import type { OutcomeIds } from './frontend/gateway/results';
import type { Job } from './solver/jobs';
import { fileOps } from './ops/file';
import { diffOps } from './ops/diff';
import { mergeOps } from './ops/merge';
import { makeOps } from './ops/registry';
import { makeSourceOp } from './ops/source/make-source-op';
import { makeRegistries } from './registry/make-registries';
import { makeRefs } from './refs/make-refs';
import { recordTables } from './refs/records/tables';
import { SessionRegistry } from './session/registry';
import { keysTables, makeSolver, StoredKeys } from './solver';
import { makeSources, sourceTables } from './sources/make-sources';
import { openBuildStore } from './store';
import { TraceStore } from './traces/trace-store';
import { connectServices } from './worker/services';
import type { ToldWorker } from './worker/told-worker';

/** Steps that run at once at least: most of a short one is waiting. */
const LEAST_AT_ONCE = 8;

/** The rooms of the builder, each made of those below it. `start` puts in order what a former life left. */
export async function assemble(service: Pick<ServiceContext<BuilderConfig>, 'config' | 'logger' | 'run' | 'root' | 'data'>) {
  const { config, logger, run, root, data } = service;
  const addresses = addressesOf(config, run);
  const services = connectServices({
    addresses,
    snapshotter: config.snapshotter,
    namespaces: { store: config.namespace, steps: config['steps-namespace'] },
  });
  const environment = cacheEnvironment();
  const native = locateProgram('gantry-native', __dirname, config.native);
  const program = new TreeProgram(native);
  const store = openBuildStore(
    join(data, 'build.db'),
    [recordTables, keysTables, historyTables, sourceTables, classicTables],
    [classicTrees],
  );
  const own = join(run, 'build');
  const sessions = new SessionRegistry(logger, native);
  const refs = makeRefs({ services, store, logger, program, data, run: own });

  const uploads = new Uploads(join(root, 'tmp', 'contexts'));
  const socketPath = (): string => shortSocketPath(run, `ssh/${randomBytes(8).toString('hex')}`);
  const web = makeRegistries(config, { logger, version, proxies: proxySettings(config) });
  const made = makeSources({
    services,
    refs,
    sessions,
    store,
    registries: web.registries,
    imagesFrom: config['cri-namespace'],
    http: web.http,
    program: native,
    data,
    socketPath,
    logger,
    uploads: (http) => withUploads(uploads, refs, http),
  });
  const { sources } = made;

  const wishes = new Map<string, StepWishes>();
  const exec = composeExec({ services, refs, config, run, logger, wishes });
  const devices = new KnownDevices(config['cdi-spec-dirs'], logger);
  const keys = new StoredKeys(store);
  const solver = makeSolver({
    keys,
    refs,
    sessions,
    logger,
    parallelism: config['max-parallelism'] === 0 ? Math.max(LEAST_AT_ONCE, availableParallelism() * 2) : config['max-parallelism'],
    makeOp: makeOps({
      exec: exec.op,
      source: makeSourceOp(sources),
      file: fileOps({ refs, program }),
      merge: mergeOps(refs),
      diff: diffOps(refs),
      build: makeBuildOp({ refs }),
    }),
  });
  /** What clients and frontends are told of; there before the first build. */
  const told: { worker?: ToldWorker } = {};
  const exporters = makeExporters({ services, refs, registries: web.registries });
  const tellers = new Map<string, ClassicTeller>();
  const known = new StoredSteps(store);
  const frontends = new Map([
    ['dockerfile.v0', makeDockerfileFrontend()],
    [CLASSIC, makeClassicFrontend({ tellers, known, images: storedStepImages({ services, exporters }) })],
    ['gateway.v0', makeGatewayFrontend({ ...exec.gateway, refs, workers: () => told.worker?.current() ?? [], logger })],
  ]);
  const jobs = makeJobs({
    solver,
    sessions,
    frontends,
    sources,
    refs,
    logger,
    refusedDevices: (asked, granted) => devices.refused(asked, granted),
    importCaches: makeCacheImports({ refs, services, logger, origins: makeCacheOrigins(services, environment, web.registries) }),
    past: (ctx, id) => history.replay(ctx, id),
  });
  const traces = new TraceStore();
  const history = makeHistory({ store, services, refs, keys, logger, traces, keep: historyKeep(config) });
  return {
    services,
    sessions,
    refs,
    jobs,
    uploads,
    tellers,
    wishes,
    known,
    exporters,
    history,
    traces,
    cacheExporters: makeCacheExporters({ keys, refs, services }, environment, web.registries),
    devices,
    told,
    containers: (job: Job, outcomes: OutcomeIds) => makeContainers(exec.gateway, { bridge: job.bridge, sessions: job.sessions, outcomes }),
    processors: makeProcessors({ refs, keys }),
    platform: hostPlatform(),
    async start() {
      await Promise.all([exec.start(newContext()), uploads.clear()]);
      await refs.start();
      keys.sweep(refs.knows);
      await history.start();
      await made.start();
    },
    async close() {
      await exec.stop();
      await made.settled();
      store.close();
      web.close();
      services.close();
    },
  };
}
