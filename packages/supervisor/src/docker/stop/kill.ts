import { constants } from 'node:os';
import type { KillRequest, KillResponse } from '@gantry/api/gantry/engine/v1/containers';
import { type CallContext, conflict, isErrorOf, prefixed, withTimeout } from '@gantry/rpc';
import { isRunning, moveTo, Phase, phaseOf, withState } from '../../core/phases';
import type { DockerContainer, DockerRecord } from '../records';
import { emitContainerEvent, inDockerNamespace, type Uses } from '../engine';
import { parseSignal, DEFAULT_STOP_SIGNAL } from './signals';

type Needs = Uses<{
  records: 'dockerNamespace' | 'getDocker' | 'requireDocker' | 'updateDocker';
  tasks: 'kill' | 'resume';
  events: 'emit';
  queues: 'run';
  life: 'nextExit' | 'released' | 'restarter' | 'tellExit';
}>;

/** Milliseconds that a container may take to be gone after SIGKILL. */
const GONE_MS = 20_000;

/** POST /containers/{id}/kill. SIGKILL, and the container's own stop signal, count as a user's stop. */
export async function killContainer(engine: Needs, caller: CallContext, request: KillRequest): Promise<KillResponse> {
  const { id, docker } = await started(engine, request.id).catch((error: unknown) => {
    throw prefixed(error, `cannot kill container: ${request.id}`);
  });
  const signal = asked(request);
  if (!isRunning(docker)) {
    if (phaseOf(docker) === Phase.PHASE_RESTARTING && signal === constants.signals.SIGKILL && cancelRestart(engine, id)) return {};
    throw conflict(`cannot kill container: ${request.id}: container ${id} is not running`);
  }
  const stops = signal === constants.signals.SIGKILL || signal === parseSignal(docker.config?.StopSignal || DEFAULT_STOP_SIGNAL);
  await sendSignal(engine, inDockerNamespace(engine, caller), id, signal, stops);
  if (signal === constants.signals.SIGKILL) await ended(engine, caller, id, GONE_MS);
  return {};
}

function asked({ id, signal }: KillRequest): number {
  try {
    return parseSignal(signal || 'SIGKILL');
  } catch (error) {
    throw prefixed(error, `cannot kill container: ${id}`);
  }
}

/** The container, once a start that is under way has come to its end. */
export async function started(engine: Needs, ref: string): Promise<DockerRecord> {
  const record = engine.records.requireDocker(ref);
  if (phaseOf(record.docker) !== Phase.PHASE_STARTING) return record;
  await engine.queues.run(record.id, async () => undefined);
  return engine.records.requireDocker(record.id);
}

/** Ends the wait of a container that the policy was about to start again. */
export function cancelRestart(engine: Needs, id: string): boolean {
  engine.life.restarter.forget(id);
  const record = engine.records.getDocker(id);
  if (record === undefined || phaseOf(record.docker) !== Phase.PHASE_RESTARTING) return false;
  engine.records.updateDocker(id, (docker) => ({
    ...docker,
    state: { ...(docker.state ?? neverState()), phase: Phase.PHASE_EXITED, manuallyStopped: true },
  }));
  engine.life.tellExit(id, { exitCode: record.docker.state?.exitCode ?? 0n, error: '' });
  return true;
}

function neverState(): never {
  throw new TypeError('a container without state');
}

/** Sends one signal to the container's first process and tells docker's listeners. A process that is gone meanwhile is fine. */
export async function sendSignal(engine: Needs, ctx: CallContext, id: string, signal: number, stops: boolean): Promise<void> {
  const { docker } = engine.records.requireDocker(id);
  if (stops && docker.state?.manuallyStopped !== true)
    engine.records.updateDocker(id, (current) => withState(current, { manuallyStopped: true }), { durable: false });
  emitContainerEvent(engine, id, docker, 'kill', { signal: String(signal) }); // before the end that it may cause
  try {
    await engine.tasks.kill(ctx, { id, signal });
  } catch (error) {
    if (!isErrorOf(error, 'notFound', 'failedPrecondition')) throw error;
    return;
  }
  if (phaseOf(docker) === Phase.PHASE_PAUSED && thaws(docker, signal)) await thaw(engine, ctx, id, signal);
}

/** A frozen process takes a signal only once it is thawed: docker does that for those that are meant to end it. */
function thaws({ config }: DockerContainer, signal: number): boolean {
  const own = config?.StopSignal ?? '';
  return own === '' || signal === constants.signals.SIGKILL || signal === parseSignal(own);
}

async function thaw(engine: Needs, ctx: CallContext, id: string, signal: number): Promise<void> {
  await engine.tasks.resume(ctx, { id }).catch(() => undefined);
  // Nobody is told that a container was unpaused which SIGKILL ends at once.
  if (signal === constants.signals.SIGKILL && phaseOf(engine.records.requireDocker(id).docker) === Phase.PHASE_PAUSED)
    engine.records.updateDocker(id, (current) => moveTo(current, Phase.PHASE_RUNNING), { durable: false });
}

/** Resolves with true once the container does not run and its network is given back, or with false after `ms` (-1: wait for ever). */
export async function ended(engine: Needs, ctx: CallContext, id: string, ms: number): Promise<boolean> {
  const record = engine.records.getDocker(id);
  if (record === undefined || !isRunning(record.docker)) {
    await engine.life.released(id);
    return true;
  }
  const bounded = ms < 0 ? ctx : withTimeout(ctx, ms);
  try {
    await engine.life.nextExit(id, bounded.signal);
    return true;
  } catch (error) {
    if (ctx.signal.aborted) throw error;
    return false;
  }
}

/** Kills a running container and waits until its end is written. */
export async function killAndWait(engine: Needs, ctx: CallContext, id: string): Promise<void> {
  if (engine.records.getDocker(id) === undefined) return;
  const record = await started(engine, id);
  if (phaseOf(record.docker) === Phase.PHASE_RESTARTING) cancelRestart(engine, id);
  if (!isRunning(record.docker)) return engine.life.released(id);
  await sendSignal(engine, ctx, id, constants.signals.SIGKILL, true);
  if (!(await ended(engine, ctx, id, GONE_MS)))
    throw conflict(`could not kill container ${record.docker.name}: it did not end within ${GONE_MS / 1000} seconds`);
}
