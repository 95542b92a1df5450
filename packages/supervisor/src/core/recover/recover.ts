import { readdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { formatTimestamp } from '@gantry/api';
import { Status } from '@gantry/api/containerd/v1/types/task';
import { type CallContext, ignore, isErrorOf } from '@gantry/rpc';
import type { Core } from '../core';
import { applyExit } from '../exit/exit';
import { deleteTask, stopTask, takeAway } from '../exit/task-end';
import type { JournalEntry } from '../journal';
import { isRunning, Phase, phaseOf, stateOf } from '../phases';
import { bundleDir } from '../places';
import { leaseOf } from '../remove/discard';
import { discard, finishRemoval } from '../remove/remove';
import { startFailed, undoStart } from '../start/start';
import { nowText } from '../time';

/** Exit code of a container that ran when the host went down. */
const HOST_DOWN = 255;

/** Undoes or finishes a start or a removal that was cut short; the latter behind the caller, as a service that it needs may be away. Anything else in the journal is only taken off it. */
export async function recover(core: Core, ctx: CallContext, entry: JournalEntry): Promise<void> {
  const { face, journal, logger } = core;
  const id = entry.subject;
  if (entry.kind === 'remove' || entry.kind === 'discard') {
    void core.queues
      .run(id, () => (entry.kind === 'remove' ? finishRemoval : discard)(core, ctx, entry))
      .catch((error: unknown) => logger.warn({ err: error, container: id }, 'a removal that was cut short could not be finished yet'));
    return;
  }
  const container = face.get(id);
  if (entry.kind !== 'start' || container === undefined || phaseOf(container) !== Phase.PHASE_STARTING) {
    journal.end(entry, () => undefined, { durable: false });
    return;
  }
  await undoStart(core, ctx, id).catch((error: unknown) => logger.warn({ err: error, container: id }, 'undoing a start failed'));
  journal.end(entry, () => startFailed(core, id, 'the engine was stopped while the container was starting', 128));
}

/** Compares every container that should run with what the shim says of its task. Missed ends are applied as if they were told now. */
export async function compareTasks(core: Core, ctx: CallContext): Promise<void> {
  const running = core.face.list().filter(isRunning);
  await Promise.all(
    running.map(({ id }) =>
      compare(core, ctx, id).catch((error: unknown) => core.logger.error({ err: error, container: id }, 'reconciling a container failed')),
    ),
  );
}

async function compare(core: Core, ctx: CallContext, id: string): Promise<void> {
  const container = core.face.get(id);
  if (container === undefined) return;
  const state = stateOf(container);
  if (state.bootId !== core.settings.bootId) {
    await deleteTask(core, ctx, id).catch(ignore('notFound', 'failedPrecondition', 'unavailable'));
    applyExit(core, id, { pid: 0, exitCode: HOST_DOWN, exitedAt: nowText() });
    return;
  }
  const task = await core.tasks.state(ctx, { id }).catch((error: unknown) => {
    if (isErrorOf(error, 'notFound')) return undefined;
    throw error;
  });
  if (task === undefined) applyExit(core, id, { pid: 0, exitCode: HOST_DOWN, exitedAt: nowText(), error: 'the task is gone' });
  else if (task.status === Status.STOPPED)
    applyExit(core, id, {
      pid: 0,
      exitCode: task.exitStatus,
      exitedAt: task.exitedAt === undefined ? nowText() : formatTimestamp(task.exitedAt),
    });
  else if (task.status === Status.PAUSED && state.phase === Phase.PHASE_RUNNING) core.face.move(id, Phase.PHASE_PAUSED);
  else if (task.status === Status.RUNNING && state.phase === Phase.PHASE_PAUSED) core.face.move(id, Phase.PHASE_RUNNING);
}

/**
 * A process that died between writing an end, or the failure of a start, and taking the task away left it in the shim, where the next start
 * would find its name taken. Its bundle goes last, so that is what tells of it. Each is taken away in its container's queue, ahead of a start.
 */
export async function endLeftTasks(core: Core, ctx: CallContext): Promise<void> {
  const ids = await readdir(dirname(bundleDir(core, 'any'))).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const rests = (id: string): boolean => {
    const container = core.face.get(id);
    return container !== undefined && !isRunning(container);
  };
  for (const id of ids.filter(rests))
    void core.queues.run(id, async () => (rests(id) ? takeAway(core, id, () => stopTask(core, ctx, id)) : undefined));
}

/** Tells the network service which sandboxes live: containers that are their own, and those that were made as such. It releases all others. */
export async function tellNetwork(
  core: Pick<Core, 'face' | 'logger' | 'network' | 'sandboxes' | 'settings'>,
  ctx: CallContext,
): Promise<void> {
  const own = core.face
    .list()
    .filter(isRunning)
    .map((container) => ({ sandboxId: container.id, netnsPath: `/proc/${stateOf(container).pid}/ns/net` }));
  await core.network
    .reconcile(
      ctx,
      { sandboxes: [...own, ...core.sandboxes.live(core.settings.bootId)], owner: '' },
      { timeoutMs: 20_000, waitForReady: true },
    )
    .catch((error: unknown) => core.logger.warn({ err: error }, 'the network service could not be told which containers live'));
}

/** A lease whose container was lost with the machine's power, before it was a durable record. */
export async function releaseStrayLeases(core: Pick<Core, 'journal' | 'leases' | 'records'>, ctx: CallContext): Promise<void> {
  const prefix = leaseOf('');
  const { leases } = await core.leases.list(ctx, { filters: [] }, { timeoutMs: 20_000 });
  for (const { id } of leases) {
    const container = id.startsWith(prefix) ? id.slice(prefix.length) : undefined;
    if (container === undefined || core.records.get(ctx.namespace, container) !== undefined) continue;
    if (core.journal.open().some((entry) => entry.subject === container)) continue;
    await core.leases.delete(ctx, { id, sync: false }).catch(ignore('notFound'));
  }
}
