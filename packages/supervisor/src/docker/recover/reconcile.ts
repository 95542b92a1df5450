import { type CallContext, newContext, pause } from '@gantry/rpc';
import type { JournalEntry } from '../../core/journal';
import { isRunning, moveTo, Phase, phaseOf, stateOf, withState } from '../../core/phases';
import { compareTasks, endLeftTasks, recover, releaseStrayLeases, tellNetwork } from '../../core/recover/recover';
import { remove as removeForGood } from '../../core/remove/remove';
import { letAllGo } from '../checkpoints/restore';
import { removeStrayViews } from '../archive/mount-view';
import { viewsDir } from '../archive/root';
import { FREEZE, thawLater } from '../commit/freeze';
import { isNetworkChange, settleLater } from '../connect/settle';
import { undoCreate, undoCreateLater } from '../create/undo-create';
import type { Engine } from '../engine';
import type { DockerRecord } from '../records';
import { removeContainer } from '../remove/remove';
import { isToRestart } from '../health/on-failure';
import { shouldRestart, shouldStartAtBoot } from '../restart/policy';
import { releaseStrayShm } from '../start/shm';
import { startById } from '../start/start';
import { stopLeftovers } from './leftovers';
import { startInOrder } from './start-in-order';
import { tellUntoldEnds } from './untold-ends';
import { finishLater, LIMITS } from '../update/limits';
import { MOUNTS, undoMountsLater } from '../update/mounts';
import { PORTS, undoPortsLater } from '../update/ports';

/** Longest wait for the containers that start with the engine, milliseconds: one that hangs must not keep all users out, as it does in dockerd. */
const STARTS_MS = 20_000;

/**
 * What a new process does before it serves: operations that were cut short are undone or finished, then every record is compared with
 * what the shim says of its task. Missed ends are applied as if they were told now; policies follow. As in dockerd, who asks a new engine finds the containers
 * started that start with it.
 */
export async function reconcile(engine: Engine): Promise<void> {
  const ctx = newContext({ namespace: engine.records.dockerNamespace, logger: engine.logger });
  tellUntoldEnds(engine);
  for (const entry of engine.journal.open()) await recoverOne(engine, ctx, entry);
  const booted = engine.records
    .listDocker()
    .filter(({ docker }) => stateOf(docker).bootId !== '' && stateOf(docker).bootId !== engine.settings.bootId);
  engine.life.restarter.hold('all'); // what is to start does so in its order, below
  await stopLeftovers(engine, ctx);
  await compareTasks(engine, ctx);
  await endLeftTasks(engine, ctx);
  await tellNetwork(engine, ctx);
  await letAllGo(engine, ctx).catch((error: unknown) =>
    engine.logger.warn({ err: error }, 'namespaces of restores that were cut short are kept'),
  );
  await sweepRunRoot(engine).catch((error: unknown) =>
    engine.logger.warn({ err: error }, 'mounts of a former process could not be taken away'),
  );
  const due = engine.records.listDocker().filter((record) =>
    resume(
      engine,
      ctx,
      record,
      booted.some(({ id }) => id === record.id),
    ),
  );
  const ids = due.map(({ id }) => id);
  engine.life.restarter.hold(ids);
  void releaseStrayLeases(engine, ctx).catch((error: unknown) =>
    engine.logger.warn({ err: error }, 'leases without a container could not be looked for'),
  );
  const over = new AbortController();
  await Promise.race([
    startInOrder(engine, ctx, ids, (id) => startDue(engine, ctx, id)).finally(() => over.abort()),
    pause(STARTS_MS, { signal: over.signal, ref: false }),
  ]);
}

async function sweepRunRoot(engine: Engine): Promise<void> {
  removeStrayViews(viewsDir(engine));
  await releaseStrayShm(engine, (id) => {
    const record = engine.records.getDocker(id);
    return record !== undefined && isRunning(record.docker);
  });
}

async function recoverOne(engine: Engine, ctx: CallContext, entry: JournalEntry): Promise<void> {
  engine.logger.info({ operation: entry.kind, container: entry.subject }, 'undoing an operation that was cut short');
  const before = engine.records.getDocker(entry.subject);
  if (entry.kind === 'create' && before === undefined) {
    return undoCreate(engine, ctx, entry).catch(() => undoCreateLater(engine, ctx, entry));
  }
  // Behind what is found out about the container's task, which may be gone with its network.
  if (entry.kind === PORTS) return undoPortsLater(engine, ctx, entry);
  if (entry.kind === FREEZE) return thawLater(engine, ctx, entry);
  if (entry.kind === MOUNTS) return undoMountsLater(engine, ctx, entry);
  if (entry.kind === LIMITS) return finishLater(engine, ctx, entry.subject);
  if (isNetworkChange(entry)) return settleLater(engine, ctx, entry.subject); // likewise
  await recover(engine, ctx, entry);
  const wasStarting = entry.kind === 'start' && before !== undefined && phaseOf(before.docker) === Phase.PHASE_STARTING;
  if (wasStarting && before.docker.hostConfig?.AutoRemove === true)
    await removeContainer(engine, ctx, { id: entry.subject, force: true, volumes: true, link: false });
}

/** A start that was due when the engine began, unless somebody else was quicker. */
async function startDue(engine: Engine, ctx: CallContext, id: string): Promise<void> {
  await engine.queues.run(id, async () => undefined); // its end, perhaps
  engine.life.restarter.release(id);
  const record = engine.records.getDocker(id);
  if (record === undefined || engine.life.restarter.isStopped) return;
  if ([Phase.PHASE_RESTARTING, Phase.PHASE_EXITED].includes(phaseOf(record.docker))) await startById(engine, ctx, id, 'policy');
}

/** Goes on with what a container was in the middle of: a removal. Answers whether it is to be started: its restart was waited for, or the host or an engine that goes with its containers came up. */
function resume(engine: Engine, ctx: CallContext, { id, docker }: DockerRecord, afterBoot: boolean): boolean {
  const failed = (error: unknown): void => engine.logger.error({ err: error, container: id }, 'going on with a container failed');
  const state = stateOf(docker);
  const policy = docker.hostConfig?.RestartPolicy;
  const ended = { exitCode: state.exitCode, restartCount: state.restartCount, manuallyStopped: state.manuallyStopped };
  switch (phaseOf(docker)) {
    case Phase.PHASE_REMOVING:
    case Phase.PHASE_DEAD:
      // With an entry of the journal it goes on already; without one the removal of a --rm container, or of another version, was cut short.
      if (!engine.journal.open().some(({ kind, subject }) => kind === 'remove' && subject === id))
        engine.queues.run(id, () => removeForGood(engine, ctx, id, { volumes: docker.hostConfig?.AutoRemove === true })).catch(failed);
      return false;
    case Phase.PHASE_RESTARTING:
      if (shouldRestart(policy, { ...ended, restartCount: 0n }) || (isToRestart(docker) && !ended.manuallyStopped)) return true;
      engine.records.updateDocker(id, (current) => moveTo(current, Phase.PHASE_EXITED));
      return false;
    case Phase.PHASE_STARTING:
      engine.face.move(id, Phase.PHASE_EXITED, { pid: 0 });
      return false;
    case Phase.PHASE_EXITED:
      if (docker.hostConfig?.AutoRemove === true) {
        // It was kept to be started again at once, by a process that died: nobody else knows of it.
        engine.queues.run(id, () => removeForGood(engine, ctx, id, { volumes: true })).catch(failed);
        return false;
      }
      // An engine that keeps no containers without itself starts anew with each of its processes, as dockerd does.
      if (!afterBoot && engine.settings.liveRestore) return false;
      if (afterBoot)
        engine.records.updateDocker(id, (current) => withState(current, { bootId: engine.settings.bootId }), { durable: false });
      return shouldStartAtBoot(policy, ended);
    default:
      return false;
  }
}
