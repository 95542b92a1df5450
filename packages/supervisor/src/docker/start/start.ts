import { OCI_SPEC_TYPE_URL } from '@gantry/api';
import type { StartRequest, StartResponse } from '@gantry/api/gantry/engine/v1/containers';
import type { CreateOptions, LogSink } from '@gantry/api/gantry/shim/v1/shim';
import { type CallContext, conflict, detached, forbidden, notModified } from '@gantry/rpc';
import { moveTo, Phase, phaseOf, stateOf } from '../../core/phases';
import { type Launch, startTask } from '../../core/start/start';
import { holdNetwork, letGo, passNetwork } from '../checkpoints/restore';
import { checkpointsOf, findCheckpoint } from '../checkpoints/places';
import { type Connected, connectNetworks } from '../connect/connect';
import { emitContainerEvent, type Engine, inDockerNamespace, logPath } from '../engine';
import { loggingFailed, planLog } from '../logs/log-config';
import type { DockerContainer, DockerRecord } from '../records';
import { removeContainer } from '../remove/remove';
import { fillVolumes, releaseUnmounted } from '../update/mounts';
import { mountsAhead } from '../update/plan-mounts';
import { tellVolumesMounted } from '../volumes/volume-events';
import { containerSpec } from './container-spec';
import { refreshLinked, writeHosts } from './files';
import { prepareMounts } from './prepare-mounts';
import { remappedRootfs, rootGroup } from './remap';
import { startFailure } from './start-error';

/** Why a container starts: a user's word clears what an earlier stop meant for the restart policy. */
export type StartCause = 'user' | 'policy';

/** A checkpoint that it goes on from; empty: it begins anew. */
type StartFrom = Pick<StartRequest, 'checkpoint' | 'checkpointDirectory'>;
const ANEW: StartFrom = { checkpoint: '', checkpointDirectory: '' };

/** POST /containers/{id}/start. Throws notModified when it runs already. */
export async function startContainer(engine: Engine, caller: CallContext, request: StartRequest): Promise<StartResponse> {
  return engine.once.once(caller, `start ${request.id}`, async () => {
    const { id } = engine.records.requireDocker(request.id);
    const { checkpoint, checkpointDirectory } = request;
    await startById(engine, inDockerNamespace(engine, caller), id, 'user', { checkpoint, checkpointDirectory });
    return {};
  });
}

/** Starts one container, after everything that is queued for it. */
export async function startById(engine: Engine, caller: CallContext, id: string, cause: StartCause, from: StartFrom = ANEW): Promise<void> {
  // A client that goes away half-way leaves a start that is finished or undone, never half done.
  const ctx = detached(caller);
  const failed = await engine.queues.run(id, async () => {
    const record = engine.records.requireDocker(id);
    checkStartable(record);
    try {
      const checkpoint = await checkpointOf(engine, record, from);
      await startTask(engine, ctx, id, launchOf(engine, ctx, id, cause, checkpoint));
      return undefined;
    } catch (error) {
      return { error };
    } finally {
      if (from.checkpoint !== '') await letGo(engine, ctx, id).catch(() => undefined); // the next process of ours does it
    }
  });
  if (failed === undefined) return;
  const left = engine.records.getDocker(id);
  // Whatever comes of the removal, the caller is told why the start failed.
  if (left?.docker.hostConfig?.AutoRemove === true)
    await removeContainer(engine, ctx, { id, force: true, volumes: true, link: false }).catch((error: unknown) =>
      engine.logger.warn({ err: error, container: id }, 'a container that did not start could not be removed'),
    );
  throw failed.error;
}

function checkStartable({ docker }: DockerRecord): void {
  switch (phaseOf(docker)) {
    case Phase.PHASE_RUNNING:
      throw notModified(`container ${docker.name} is already running`);
    case Phase.PHASE_PAUSED:
      throw conflict('cannot start a paused container, try unpause instead');
    case Phase.PHASE_REMOVING:
    case Phase.PHASE_DEAD:
      throw conflict('container is marked for removal and cannot be started');
    default:
  }
}

/** Path of the checkpoint that is asked for; in dockerd's words where there is none. */
async function checkpointOf(
  engine: Engine,
  { id, docker }: DockerRecord,
  { checkpoint, checkpointDirectory }: StartFrom,
): Promise<string | undefined> {
  if (checkpointDirectory !== '') throw forbidden('custom checkpointdir is not supported');
  return checkpoint === '' ? undefined : findCheckpoint(await checkpointsOf(engine, id, ''), checkpoint, `/${docker.name}`);
}

/** What docker decides about one start of one container. */
function launchOf(engine: Engine, ctx: CallContext, id: string, cause: StartCause, checkpoint: string | undefined): Launch {
  const { records } = engine;
  let docker = records.requireDocker(id).docker;
  let hostGateway: readonly string[] = [];
  let connected: Connected | undefined;
  return {
    async plan() {
      const { docker: present } = records.requireDocker(id);
      if (present.nextMounts !== undefined) await fillVolumes(engine, ctx, id, present.mounts, present.nextMounts.items);
      docker = await prepareMounts(engine, ctx, id, { ...present, mounts: [...mountsAhead(present)] });
      const made = await containerSpec(engine, ctx, id, docker);
      hostGateway = made.hostGateway;
      const held = checkpoint === undefined ? undefined : await holdNetwork(engine, ctx, id, made.spec);
      return {
        spec: held?.spec ?? made.spec,
        ...(checkpoint === undefined ? {} : { restore: { path: checkpoint, pid: held?.pid ?? 0 } }),
        rootfs: remappedRootfs(engine, docker),
        terminal: docker.config?.Tty ?? false,
        openStdin: docker.config?.OpenStdin === true,
        options: createOptions(engine, docker, await startLog(engine, id, docker, cause)),
        passage: rootGroup(engine, docker),
      };
    },
    async connect(pid) {
      connected = await connectNetworks(engine, ctx, id, docker, pid);
      writeHosts(engine, id, { ...docker, ...connected }, hostGateway);
    },
    async restored(pid) {
      if (connected !== undefined && Object.keys(connected.endpoints).length > 0) await passNetwork(engine, ctx, id, pid);
    },
    running(change, config) {
      const health = docker.config?.Healthcheck;
      const watched = health !== undefined && health.Test.length > 0 && health.Test[0] !== 'NONE';
      const { docker: now } = records.updateDocker(id, (current) => ({
        ...moveTo(current, Phase.PHASE_RUNNING, {
          ...change,
          manuallyStopped: false,
          restartCount: cause === 'user' ? 0n : stateOf(current).restartCount,
        }),
        ...connected,
        hostGatewayIps: [...hostGateway],
        mounts: docker.mounts,
        nextMounts: undefined,
        health: watched ? { Status: 'starting', FailingStreak: 0n, Log: [] } : undefined,
      }));
      records.update(records.dockerNamespace, id, (record) => ({ ...record, spec: { typeUrl: OCI_SPEC_TYPE_URL, value: config } }));
      tellVolumesMounted(engine, id, now);
      emitContainerEvent(engine, id, now, 'start');
    },
    started() {
      void releaseUnmounted(engine, ctx, id);
      return refreshLinked(engine, id);
    },
    failure: startFailure,
  };
}

function createOptions(engine: Engine, docker: DockerContainer, log: LogSink | undefined): CreateOptions {
  const [height = 0n, width = 0n] = docker.hostConfig?.ConsoleSize ?? [];
  const config = docker.config;
  return {
    ...engine.runtimes.createOptions(docker.runtime || (docker.hostConfig?.Runtime ?? '')),
    log,
    openStdin: config?.OpenStdin ?? false,
    stdinOnce: config?.StdinOnce ?? false,
    consoleWidth: Number(width),
    consoleHeight: Number(height),
  };
}

/** Settles where the output goes. A user's start is refused when a log driver's remote does not answer; a restart by policy waits for it. */
async function startLog(engine: Engine, id: string, docker: DockerContainer, cause: StartCause): Promise<LogSink | undefined> {
  const { config } = docker;
  if (config === undefined) return undefined;
  const [path = '', ...args] = [...(config.Entrypoint?.items ?? []), ...(config.Cmd?.items ?? [])];
  const { name, imageId, created } = docker;
  const { sink, target } = planLog(
    docker.hostConfig?.LogConfig,
    { id, name, imageId, created, path, args, config },
    { path: logPath(engine, id), bound: engine.settings.logBound },
  );
  await engine.forwarders.prepare(id, target, cause === 'user').catch((error: unknown) => Promise.reject(loggingFailed(error)));
  return sink;
}
