import { promises as fs } from 'node:fs';
import type { RemoveRequest, RemoveResponse } from '@gantry/api/gantry/engine/v1/containers';
import { asGantryError, type CallContext, conflict, detached, errorText, GantryError } from '@gantry/rpc';
import type { JournalEntry } from '../../core/journal';
import { isRunning, moveTo, Phase, phaseOf, stateOf } from '../../core/phases';
import { containerDir, emitContainerEvent, type Engine, inDockerNamespace } from '../engine';
import { discardSnapshot } from './discard';
import { ignore } from '../../core/ignore';
import { removeLink } from '../connect/links';
import { releaseShm } from '../start/shm';
import { stopTask } from '../exit/task-end';
import { killAndWait } from '../stop/kill';

/** DELETE /containers/{id}. */
export async function removeContainer(engine: Engine, caller: CallContext, request: RemoveRequest): Promise<RemoveResponse> {
  return engine.once.once(caller, 'remove', async () => {
    if (request.link) {
      removeLink(engine, request.id);
      return {};
    }
    const { id } = engine.records.requireDocker(request.id);
    const ctx = detached(inDockerNamespace(engine, caller));
    if (request.force) await killAndWait(engine, ctx, id);
    await engine.queues.run(id, () => remove(engine, ctx, id, request));
    return {};
  });
}

async function remove(engine: Engine, ctx: CallContext, id: string, request: RemoveRequest): Promise<void> {
  const record = engine.records.getDocker(id);
  if (record === undefined) return; // it was one with --rm, and is gone with its end
  const { docker } = record;
  const phase = phaseOf(docker);
  if (isRunning(docker)) {
    const what = phase === Phase.PHASE_PAUSED ? 'paused' : 'running';
    if (!request.force) {
      const advice =
        phase === Phase.PHASE_PAUSED
          ? 'unpause and stop the container before removing or force remove'
          : 'stop the container before removing or force remove';
      throw conflict(`cannot remove container "/${docker.name}": container is ${what}: ${advice}`);
    }
    await stopTask(engine, ctx, id); // it was started again after the kill
  }
  if (phase === Phase.PHASE_RESTARTING && !request.force) {
    throw conflict(
      `cannot remove container "/${docker.name}": container is restarting: stop the container before removing or force remove`,
    );
  }
  if (phase === Phase.PHASE_REMOVING) throw conflict(`removal of container ${docker.name} is already in progress`);
  engine.life.restarter.forget(id);
  if (isRunning(docker)) await releaseSandbox(engine, ctx, id);
  engine.records.updateDocker(id, (current) => moveTo(current, Phase.PHASE_REMOVING), { durable: false });
  await finishRemoval(engine, ctx, id, { volumes: request.volumes });
}

async function releaseSandbox(engine: Engine, ctx: CallContext, id: string): Promise<void> {
  await engine.network
    .releaseSandbox(ctx, { sandboxId: id }, { timeoutMs: 20_000 })
    .catch((error: unknown) => engine.logger.warn({ err: error, container: id }, 'the network of a removed container was not given back'));
}

/**
 * The end of a container with --rm whose process is gone: network and volumes are given back, the record goes, everybody is told, and the rest
 * (task, snapshot, lease, directory) follows behind a journal entry, off the path of `docker run --rm`.
 */
export async function removeEnded(engine: Engine, ctx: CallContext, id: string, network: () => Promise<void>): Promise<void> {
  const { records, journal } = engine;
  const { docker } = records.requireDocker(id);
  const input: DiscardInput = { snapshotter: records.get(records.dockerNamespace, id)?.snapshotter ?? '' };
  try {
    await Promise.all([network(), releaseVolumes(engine, ctx, id, true)]);
  } catch (thrown) {
    throw removalFailed(engine, id, thrown);
  }
  // Not durable: a container with --rm that a power cut brings back does not run, and is removed at the next start.
  const entry = journal.begin('discard', id, input, () => records.delete(records.dockerNamespace, id));
  engine.execs.containerGone(id);
  emitContainerEvent(engine, id, docker, 'destroy');
  engine.life.tellRemoved(id, { exitCode: stateOf(docker).exitCode, error: '' });
  await discard(engine, ctx, entry);
}

interface DiscardInput {
  readonly snapshotter: string;
}

/** What is left of a container whose record is gone. Also recovery's way of finishing with it. */
export async function discard(engine: Engine, ctx: CallContext, entry: JournalEntry): Promise<void> {
  const id = entry.subject;
  const { snapshotter } = entry.input as DiscardInput;
  await stopTask(engine, ctx, id);
  await Promise.all([
    discardSnapshot(engine, ctx, id, snapshotter),
    fs.rm(containerDir(engine, id), { recursive: true, force: true }),
    releaseShm(engine, id),
  ]);
  engine.journal.end(entry, () => undefined, { durable: false });
}

/** The container stays as dead, with the reason, and can be removed again. */
function removalFailed(engine: Engine, id: string, thrown: unknown): GantryError {
  const error = asGantryError(thrown);
  const { docker } = engine.records.updateDocker(id, (current) =>
    phaseOf(current) === Phase.PHASE_REMOVING ? moveTo(current, Phase.PHASE_DEAD, { error: errorText(error) }) : current,
  );
  engine.life.tellExit(id, { exitCode: stateOf(docker).exitCode, error: errorText(error) });
  return new GantryError(
    error.kind === 'notFound' ? 'internal' : error.kind,
    `unable to remove container ${docker.name}: ${error.message}`,
    { cause: thrown },
  );
}

export interface RemovalOptions {
  /** Its anonymous volumes go too. */
  readonly volumes: boolean;
}

/**
 * Removes everything of a container in phase REMOVING, and its record last: what is cut short goes on at the
 * next start. A step that fails leaves it dead, with the reason.
 */
export async function finishRemoval(engine: Engine, ctx: CallContext, id: string, { volumes }: RemovalOptions): Promise<void> {
  const record = engine.records.getDocker(id);
  if (record === undefined) return;
  const { docker } = record;
  const snapshotter = engine.records.get(engine.records.dockerNamespace, id)?.snapshotter ?? '';
  try {
    await Promise.all([stopTask(engine, ctx, id), releaseVolumes(engine, ctx, id, volumes)]);
    await Promise.all([discardSnapshot(engine, ctx, id, snapshotter), fs.rm(containerDir(engine, id), { recursive: true, force: true })]);
  } catch (thrown) {
    throw removalFailed(engine, id, thrown);
  }
  if (engine.records.getDocker(id) === undefined) return;
  engine.records.delete(engine.records.dockerNamespace, id);
  engine.execs.containerGone(id);
  emitContainerEvent(engine, id, docker, 'destroy');
  engine.life.tellRemoved(id, { exitCode: stateOf(docker).exitCode, error: '' });
}

async function releaseVolumes(engine: Engine, ctx: CallContext, id: string, remove: boolean): Promise<void> {
  const { docker } = engine.records.requireDocker(id);
  for (const name of new Set(docker.volumeNames)) {
    await engine.volumes.releaseReference(ctx, { name, containerId: id }).catch(ignore('notFound'));
    const anonymous = docker.mounts.some((mount) => mount.name === name && mount.anonymous);
    if (!remove || !anonymous) continue;
    // Another container may have taken it over with --volumes-from: then it stays.
    const gone = await engine.volumes
      .removeVolume(ctx, { name, force: true })
      .then(() => true, ignore('notFound', 'conflict', 'failedPrecondition'));
    if (gone === true) engine.events.emit({ type: 'volume', action: 'destroy', id: name, attributes: { driver: 'local' } });
  }
}
