import { constants } from 'node:os';
import type { RestartRequest, RestartResponse, StopRequest, StopResponse } from '@gantry/api/gantry/engine/v1/containers';
import { asGantryError, type CallContext, detached, internal, isErrorOf, notModified, prefixed } from '@gantry/rpc';
import { isRunning, Phase, phaseOf } from '../../core/phases';
import { emitContainerEvent, type Engine, inDockerNamespace } from '../engine';
import { cancelRestart, ended, killAndWait, sendSignal, started } from './kill';
import { DEFAULT_STOP_SIGNAL, parseSignal } from './signals';
import { startById } from '../start/start';

/** POST /containers/{id}/stop. Throws notModified when it does not run. */
export async function stopContainer(engine: Engine, caller: CallContext, request: StopRequest): Promise<StopResponse> {
  const { id, docker } = await started(engine, request.id);
  if (phaseOf(docker) === Phase.PHASE_RESTARTING && cancelRestart(engine, id)) {
    emitContainerEvent(engine, id, docker, 'stop');
    return {};
  }
  if (!isRunning(docker)) await engine.life.released(id);
  if (!isRunning(docker)) throw notModified(`container ${docker.name} is already stopped`);
  await stopById(engine, inDockerNamespace(engine, caller), id, request).catch((error: unknown) => {
    throw prefixed(error, `cannot stop container: ${request.id}`, 'internal');
  });
  return {};
}

/** Signals, waits, kills. A caller that goes away does not leave it half stopped: the kill still follows. */
export async function stopById(
  engine: Engine,
  caller: CallContext,
  id: string,
  asked: Pick<StopRequest, 'signal' | 'timeout'>,
): Promise<void> {
  const ctx = detached(caller);
  const { docker } = engine.records.requireDocker(id);
  const signal = stopSignal(asked.signal || docker.config?.StopSignal || DEFAULT_STOP_SIGNAL);
  const configured = docker.config?.StopTimeout;
  const seconds = asked.timeout ?? (configured === undefined ? engine.settings.stopTimeout : Number(configured));
  await sendSignal(engine, ctx, id, signal, true);
  if (!(await ended(engine, ctx, id, signal === constants.signals.SIGKILL ? 20_000 : seconds * 1000))) await killAndWait(engine, ctx, id);
  emitContainerEvent(engine, id, docker, 'stop');
}

/** A signal that is none is a failure of the engine's to docker, where it is to stop a container. */
function stopSignal(text: string): number {
  try {
    return parseSignal(text);
  } catch (error) {
    throw internal(asGantryError(error).message, { cause: error });
  }
}

/** POST /containers/{id}/restart: stop if it runs, then start. */
export async function restartContainer(engine: Engine, caller: CallContext, request: RestartRequest): Promise<RestartResponse> {
  return engine.once.once(caller, `restart ${request.id}`, async () => {
    const { id, docker } = await started(engine, request.id);
    const ctx = detached(inDockerNamespace(engine, caller));
    if (docker.hostConfig?.AutoRemove === true && isRunning(docker)) engine.life.keepOnce(id);
    try {
      if (isRunning(docker)) await stopById(engine, ctx, id, request).finally(() => engine.life.forgetKept(id));
      else cancelRestart(engine, id);
      await startById(engine, ctx, id, 'user');
    } catch (error) {
      // The policy, or somebody else, may have been quicker.
      if (!isErrorOf(error, 'notModified')) throw prefixed(error, `Cannot restart container ${request.id}`);
    }
    emitContainerEvent(engine, id, docker, 'restart');
    return {};
  });
}
