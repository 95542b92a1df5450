import { formatTimestamp } from '@gantry/api';
import { Status } from '@gantry/api/containerd/v1/types/task';
import { type CallContext, isErrorOf, newContext } from '@gantry/rpc';
import { type JournalEntry, undoSteps } from '../../core/journal';
import { isRunning, moveTo, Phase, phaseOf, stateOf, withState } from '../../core/phases';
import type { DockerRecord } from '../records';
import { removeStrayViews } from '../archive/mount-view';
import { viewsDir } from '../archive/root';
import { shouldRestart, shouldStartAtBoot } from '../restart/policy';
import { createSteps } from '../create/create-steps';
import type { CreateInput } from '../create/create';
import { type Engine } from '../engine';
import { applyExit } from '../exit/exit';
import { forgetEndpoints } from '../connect/connect';
import { ignore } from '../../core/ignore';
import { discard, finishRemoval, removeContainer } from '../remove/remove';
import { releaseStrayShm } from '../start/shm';
import { startById, startFailed, undoStart } from '../start/start';
import { leaseOf } from '../remove/discard';
import { deleteTask } from '../exit/task-end';
import { nowText } from '../../core/time';

/** Exit code of a container that ran when the host went down. */
const HOST_DOWN = 255;

/**
 * What a new process does before it serves: operations that were cut short are undone or finished, then every record is compared with
 * what the shim says of its task. Missed ends are applied as if they were told now; policies follow.
 */
export async function reconcile(engine: Engine): Promise<void> {
  const ctx = newContext({ namespace: engine.records.dockerNamespace, logger: engine.logger });
  for (const entry of engine.journal.open()) await recover(engine, ctx, entry);
  const booted = engine.records
    .listDocker()
    .filter(({ docker }) => stateOf(docker).bootId !== '' && stateOf(docker).bootId !== engine.settings.bootId);
  await Promise.all(
    engine.records
      .listDocker()
      .filter(({ docker }) => isRunning(docker))
      .map(({ id }) =>
        compare(engine, ctx, id).catch((error: unknown) =>
          engine.logger.error({ err: error, container: id }, 'reconciling a container failed'),
        ),
      ),
  );
  await tellNetwork(engine, ctx);
  await sweepRunRoot(engine).catch((error: unknown) =>
    engine.logger.warn({ err: error }, 'mounts of a former process could not be taken away'),
  );
  for (const record of engine.records.listDocker())
    resume(
      engine,
      ctx,
      record,
      booted.some(({ id }) => id === record.id),
    );
  void releaseStrayLeases(engine, ctx).catch((error: unknown) =>
    engine.logger.warn({ err: error }, 'leases without a container could not be looked for'),
  );
}

async function sweepRunRoot(engine: Engine): Promise<void> {
  removeStrayViews(viewsDir(engine));
  await releaseStrayShm(engine, (id) => {
    const record = engine.records.getDocker(id);
    return record !== undefined && isRunning(record.docker);
  });
}

async function recover(engine: Engine, ctx: CallContext, entry: JournalEntry): Promise<void> {
  engine.logger.info({ operation: entry.kind, container: entry.subject }, 'undoing an operation that was cut short');
  const { records, journal } = engine;
  if (entry.kind === 'create' && records.getDocker(entry.subject) === undefined) {
    const failures = await undoSteps(ctx, createSteps(engine), entry.input as CreateInput, engine.logger);
    if (failures.length === 0) journal.end(entry, () => records.names.release(entry.subject), { durable: false });
    return;
  }
  if (entry.kind === 'discard') {
    await discard(engine, ctx, entry).catch((error: unknown) =>
      engine.logger.warn({ err: error, container: entry.subject }, 'a removed container could not be discarded'),
    );
    return;
  }
  const record = records.getDocker(entry.subject);
  if (entry.kind === 'start' && record !== undefined && phaseOf(record.docker) === Phase.PHASE_STARTING) {
    await undoStart(engine, ctx, entry.subject).catch((error: unknown) =>
      engine.logger.warn({ err: error, container: entry.subject }, 'undoing a start failed'),
    );
    journal.end(entry, () =>
      records.updateDocker(entry.subject, (docker) => startFailed(docker, 'the engine was stopped while the container was starting', 128)),
    );
    if (record.docker.hostConfig?.AutoRemove === true)
      await removeContainer(engine, ctx, { id: entry.subject, force: true, volumes: true, link: false });
    return;
  }
  journal.end(entry, () => undefined, { durable: false });
}

/** Asks the shim for one task that should run. */
async function compare(engine: Engine, ctx: CallContext, id: string): Promise<void> {
  const { docker } = engine.records.requireDocker(id);
  const state = stateOf(docker);
  if (state.bootId !== engine.settings.bootId) {
    await deleteTask(engine, ctx, id).catch(ignore('notFound', 'failedPrecondition', 'unavailable'));
    applyExit(engine, id, { pid: 0, exitCode: HOST_DOWN, exitedAt: nowText() });
    return;
  }
  const task = await engine.tasks.state(ctx, { id }).catch((error: unknown) => {
    if (isErrorOf(error, 'notFound')) return undefined;
    throw error;
  });
  if (task === undefined) applyExit(engine, id, { pid: 0, exitCode: HOST_DOWN, exitedAt: nowText(), error: 'the task is gone' });
  else if (task.status === Status.STOPPED)
    applyExit(engine, id, {
      pid: 0,
      exitCode: task.exitStatus,
      exitedAt: task.exitedAt === undefined ? nowText() : formatTimestamp(task.exitedAt),
    });
  else if (task.status === Status.PAUSED && state.phase === Phase.PHASE_RUNNING)
    engine.records.updateDocker(id, (current) => moveTo(current, Phase.PHASE_PAUSED));
  else if (task.status === Status.RUNNING && state.phase === Phase.PHASE_PAUSED)
    engine.records.updateDocker(id, (current) => moveTo(current, Phase.PHASE_RUNNING));
}

/** The network service releases what belongs to none of the living. */
async function tellNetwork(engine: Engine, ctx: CallContext): Promise<void> {
  const sandboxes = engine.records
    .listDocker()
    .filter(({ docker }) => isRunning(docker))
    .map(({ id, docker }) => ({ sandboxId: id, netnsPath: `/proc/${stateOf(docker).pid}/ns/net` }));
  const shared = engine.sandboxes.live(engine.settings.bootId);
  await engine.network
    .reconcile(ctx, { sandboxes: [...sandboxes, ...shared] }, { timeoutMs: 20_000, waitForReady: true })
    .catch((error: unknown) => engine.logger.warn({ err: error }, 'the network service could not be told which containers live'));
}

/** Goes on with what a container was in the middle of: a removal, a wait for its restart, a start at boot. */
function resume(engine: Engine, ctx: CallContext, { id, docker }: DockerRecord, afterBoot: boolean): void {
  const failed = (error: unknown): void => engine.logger.error({ err: error, container: id }, 'going on with a container failed');
  const state = stateOf(docker);
  const policy = docker.hostConfig?.RestartPolicy;
  const ended = { exitCode: state.exitCode, restartCount: state.restartCount, manuallyStopped: state.manuallyStopped };
  switch (phaseOf(docker)) {
    case Phase.PHASE_REMOVING:
      engine.queues.run(id, () => finishRemoval(engine, ctx, id, { volumes: docker.hostConfig?.AutoRemove === true })).catch(failed);
      return;
    case Phase.PHASE_RESTARTING:
      if (shouldRestart(policy, { ...ended, restartCount: 0n })) engine.life.restarter.schedule(id, 0);
      else engine.records.updateDocker(id, (current) => moveTo(current, Phase.PHASE_EXITED));
      return;
    case Phase.PHASE_STARTING:
      engine.records.updateDocker(id, (current) => forgetEndpoints(moveTo(current, Phase.PHASE_EXITED, { pid: 0 })));
      return;
    case Phase.PHASE_EXITED:
      if (afterBoot) {
        engine.records.updateDocker(id, (current) => withState(current, { bootId: engine.settings.bootId }), { durable: false });
        if (shouldStartAtBoot(policy, ended)) startById(engine, ctx, id, 'policy').catch(failed);
      }
      return;
    default:
  }
}

/** A lease whose container was lost with the machine's power, before it was a durable record. */
async function releaseStrayLeases(engine: Engine, ctx: CallContext): Promise<void> {
  const prefix = leaseOf('');
  const { leases } = await engine.leases.list(ctx, { filters: [] }, { timeoutMs: 20_000 });
  for (const { id } of leases) {
    const container = id.startsWith(prefix) ? id.slice(prefix.length) : undefined;
    if (container === undefined || engine.records.get(ctx.namespace, container) !== undefined) continue;
    if (engine.journal.open().some((entry) => entry.subject === container)) continue;
    await engine.leases.delete(ctx, { id, sync: false }).catch(ignore('notFound'));
  }
}
