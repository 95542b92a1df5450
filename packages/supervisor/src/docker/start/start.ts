import { mkdirSync, promises as fs, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { OCI_SPEC_TYPE_URL, packAny } from '@gantry/api';
import type { StartRequest, StartResponse } from '@gantry/api/gantry/engine/v1/containers';
import { CreateOptions } from '@gantry/api/gantry/shim/v1/shim';
import { formatJson, type Spec } from '@gantry/oci';
import { type CallContext, conflict, detached, notImplemented, notModified } from '@gantry/rpc';
import { moveTo, Phase, phaseOf, stateOf } from '../../core/phases';
import type { DockerContainer, DockerRecord } from '../records';
import { bundleDir, emitContainerEvent, type Engine, inDockerNamespace, logPath, monitorSocket } from '../engine';
import { connectNetworks, type Connected, forgetEndpoints } from '../connect/connect';
import { applyExit } from '../exit/exit';
import { writeHosts } from './files';
import { logSink } from '../logs/log-config';
import { commandOf } from '../create/merge-config';
import { prepareMounts } from './prepare-mounts';
import { openWay, remappedRootfs } from './remap';
import { removeContainer } from '../remove/remove';
import { containerSpec } from './container-spec';
import { ofTask, startFailure } from './start-error';
import { nowText } from '../../core/time';
import { tellVolumesMounted } from '../volumes/volume-events';
import { stopTask } from '../exit/task-end';

/** Why a container starts: a user's word clears what an earlier stop meant for the restart policy. */
export type StartCause = 'user' | 'policy';

/** POST /containers/{id}/start. Throws notModified when it runs already. */
export async function startContainer(engine: Engine, caller: CallContext, request: StartRequest): Promise<StartResponse> {
  if (request.checkpoint !== '') throw notImplemented('start from a checkpoint is not supported');
  return engine.once.once(caller, 'start', async () => {
    const { id } = engine.records.requireDocker(request.id);
    await startById(engine, inDockerNamespace(engine, caller), id, 'user');
    return {};
  });
}

/** Starts one container, after everything that is queued for it. */
export async function startById(engine: Engine, caller: CallContext, id: string, cause: StartCause): Promise<void> {
  // A client that goes away half-way leaves a start that is finished or undone, never half done.
  const ctx = detached(caller);
  const failed = await engine.queues.run(id, async () => {
    const record = engine.records.requireDocker(id);
    checkStartable(record);
    try {
      await start(engine, ctx, record, cause);
      return undefined;
    } catch (error) {
      return { error };
    }
  });
  if (failed === undefined) return;
  const left = engine.records.getDocker(id);
  if (left?.docker.hostConfig?.AutoRemove === true) await removeContainer(engine, ctx, { id, force: true, volumes: true, link: false });
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

async function start(engine: Engine, ctx: CallContext, { id, docker: before }: DockerRecord, cause: StartCause): Promise<void> {
  const { records, tasks } = engine;
  const [command] = commandOf(before.config ?? neverConfig());
  const socket = monitorSocket(engine, id);
  const entry = engine.journal.begin('start', id, { socket }, () => {
    records.updateDocker(id, (docker) => moveTo(docker, Phase.PHASE_STARTING, { error: '', pid: 0, socket }));
  });
  try {
    const docker = await prepareMounts(engine, ctx, id, records.requireDocker(id).docker);
    const { spec, hostGateway } = await containerSpec(engine, ctx, id, docker);
    const specJson = writeBundle(engine, id, spec);
    openWay(engine, id, docker);
    const { pid } = await tasks
      .create(ctx, {
        id,
        bundle: bundleDir(engine, id),
        rootfs: remappedRootfs(engine, docker),
        terminal: docker.config?.Tty ?? false,
        stdout: `monitor://${socket}`,
        stdin: docker.config?.OpenStdin === true ? `monitor://${socket}` : '',
        stderr: docker.config?.Tty === true ? '' : `monitor://${socket}`,
        options: packAny(CreateOptions, createOptions(engine, id, docker)),
      })
      .catch((error: unknown) => Promise.reject(ofTask(error)));
    const [connected] = await Promise.all([connectNetworks(engine, ctx, id, docker, pid), engine.life.connectAttaches(id, socket)]);
    writeHosts(engine, id, { ...docker, ...connected }, hostGateway);
    await tasks.start(ctx, { id }).catch((error: unknown) => Promise.reject(ofTask(error)));
    finish(engine, id, entry, { docker, connected, pid, specJson, cause, hostGateway });
  } catch (thrown) {
    const failure = startFailure(thrown, command);
    await undoStart(engine, ctx, id);
    engine.journal.end(entry, () => records.updateDocker(id, (docker) => startFailed(docker, failure.error.message, failure.exitCode)));
    engine.life.dropAttaches(id);
    throw failure.error;
  }
}

function neverConfig(): never {
  throw new TypeError('a container without configuration');
}

interface Started {
  readonly docker: DockerContainer;
  readonly connected: Connected;
  readonly pid: number;
  readonly specJson: Buffer;
  readonly hostGateway: string;
  readonly cause: StartCause;
}

/** The one durable transaction of a start. An exit that came meanwhile is applied right after it. */
function finish(
  engine: Engine,
  id: string,
  entry: Parameters<Engine['journal']['end']>[0],
  { docker, connected, pid, specJson, cause, hostGateway }: Started,
): void {
  const health = docker.config?.Healthcheck;
  const watched = health !== undefined && health.Test.length > 0 && health.Test[0] !== 'NONE';
  engine.journal.end(entry, () => {
    engine.records.updateDocker(id, (current) => ({
      ...moveTo(current, Phase.PHASE_RUNNING, {
        pid,
        exitCode: 0n,
        error: '',
        oomKilled: false,
        startedAt: nowText(),
        bootId: engine.settings.bootId,
        manuallyStopped: false,
        restartCount: cause === 'user' ? 0n : stateOf(current).restartCount,
      }),
      ...connected,
      hostGatewayIp: hostGateway,
      mounts: docker.mounts,
      health: watched ? { Status: 'starting', FailingStreak: 0n, Log: [] } : undefined,
    }));
    engine.records.update(engine.records.dockerNamespace, id, (record) => ({
      ...record,
      spec: { typeUrl: OCI_SPEC_TYPE_URL, value: specJson },
    }));
  });
  const { docker: now } = engine.records.requireDocker(id);
  tellVolumesMounted(engine, id, now);
  emitContainerEvent(engine, id, now, 'start');
  engine.life.tellStarted(id);
  const early = engine.life.takeEarlyExit(id);
  if (early !== undefined) applyExit(engine, id, early);
}

export function startFailed(docker: DockerContainer, error: string, exitCode: number): DockerContainer {
  const ranBefore = stateOf(docker).startedAt !== '';
  return forgetEndpoints(
    moveTo(docker, ranBefore ? Phase.PHASE_EXITED : Phase.PHASE_CREATED, { pid: 0, error, exitCode: BigInt(exitCode), socket: '' }),
  );
}

/** Gives back what a start made. Also recovery's way of finishing with a start that was cut short. */
export async function undoStart(engine: Engine, ctx: CallContext, id: string): Promise<void> {
  engine.life.takeEarlyExit(id);
  await stopTask(engine, ctx, id);
  await engine.network
    .releaseSandbox(ctx, { sandboxId: id }, { timeoutMs: 20_000 })
    .catch((error: unknown) => engine.logger.warn({ err: error, container: id }, 'the network of a failed start was not given back'));
}

function writeBundle(engine: Engine, id: string, spec: Spec): Buffer {
  const directory = bundleDir(engine, id);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const json = Buffer.from(formatJson(spec));
  writeFileSync(join(directory, 'config.json'), json, { mode: 0o600 });
  return json;
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}

export async function removeBundle(engine: Engine, id: string): Promise<void> {
  const directory = bundleDir(engine, id);
  await fs.unlink(join(directory, 'config.json')).catch(ignoreMissing);
  // Never recursive: a root file system that is still mounted there must not be emptied.
  for (const path of [join(directory, 'rootfs'), directory]) await fs.rmdir(path).catch(() => undefined);
}

function createOptions(engine: Engine, id: string, docker: DockerContainer): CreateOptions {
  const [height = 0n, width = 0n] = docker.hostConfig?.ConsoleSize ?? [];
  const config = docker.config;
  return {
    ...engine.runtimes.createOptions(docker.runtime || (docker.hostConfig?.Runtime ?? '')),
    log:
      config === undefined
        ? undefined
        : logSink(docker.hostConfig?.LogConfig, logPath(engine, id), config, {
            ID: id.slice(0, 12),
            FullID: id,
            Name: docker.name,
            ImageName: config.Image,
            ImageID: docker.imageId,
          }),
    openStdin: config?.OpenStdin ?? false,
    stdinOnce: config?.StdinOnce ?? false,
    consoleWidth: Number(width),
    consoleHeight: Number(height),
  };
}
