import { newContext } from '@gantry/rpc';
import type { Core } from '../core';
import type { AfterEnd } from '../face';
import { isRunning, Phase, phaseOf, stateOf } from '../phases';
import { removeEnded } from '../remove/remove';
import type { Exit } from './lifecycle';
import { releaseNetwork } from './release';
import { deleteTask, takeAway } from './task-end';

/** The end of a container's first process, as the shim told it. */
export interface TaskEnd {
  /** 0 when it is not known: then it is not compared. */
  readonly pid: number;
  readonly exitCode: number;
  /** RFC 3339. */
  readonly exitedAt: string;
  readonly error?: string;
}

const phases = {
  restart: Phase.PHASE_RESTARTING,
  removal: Phase.PHASE_REMOVING,
  rest: Phase.PHASE_EXITED,
} as const satisfies Record<AfterEnd, Phase>;

/**
 * Writes a container's end and what follows from it, in one transaction, then queues the rest: network, task, next start or removal.
 * Repeated and stale ends are passed over; one that comes while the start is under way waits for it.
 */
export function applyExit(core: Core, id: string, end: TaskEnd): void {
  const before = core.face.get(id);
  if (before === undefined) return;
  const state = stateOf(before);
  if (state.phase === Phase.PHASE_STARTING) {
    core.life.keepEarlyExit(id, end);
    return;
  }
  if (!isRunning(before) || (end.pid !== 0 && end.pid !== state.pid)) return;

  const next = core.face.afterEnd(id, end);
  const exit: Exit = { exitCode: BigInt(end.exitCode), error: end.error ?? '' };
  core.face.move(
    id,
    phases[next],
    {
      pid: 0,
      ...exit,
      finishedAt: end.exitedAt,
      restartCount: next === 'restart' ? state.restartCount + 1n : state.restartCount,
    },
    // A removal is what comes next, and a power loss would remove it too.
    { durable: next !== 'removal' },
  );
  const ranMs = Math.max(0, Date.parse(end.exitedAt) - Date.parse(state.startedAt));
  // Queued before anybody is told: the end is written, so what follows from it comes, whatever a listener does.
  const given = core.life.beginRelease(id);
  let tell = (): void => undefined;
  let heard = Promise.resolve();
  void core.queues
    .run(id, () => afterExit(core, id, { next, exit, tell, given, heard }))
    .catch((error: unknown) => core.logger.error({ err: error, container: id }, 'finishing with an ended container failed'))
    .finally(given);
  if (next !== 'removal') void core.queues.behind(id, () => takeTaskAway(core, id, ranMs));
  heard = core.life
    .tellEnded(id)
    .catch((error: unknown) => core.logger.error({ err: error, container: id }, "what follows from a container's end failed"));
  tell = core.face.ended(id, end, ranMs);
}

interface AfterExit {
  readonly next: AfterEnd;
  readonly exit: Exit;
  readonly tell: () => void;
  /** The network is given back. */
  readonly given: () => void;
  /** Whoever listens to ends has done what it does: volumes of plugins are unmounted. Never rejects. */
  readonly heard: Promise<void>;
}

/** In the container's queue. The network is given back before anybody is told of the end: a port is free when a wait returns, and a volume is unmounted. */
async function afterExit(core: Core, id: string, { next, exit, tell, given, heard }: AfterExit): Promise<void> {
  const ctx = newContext({ namespace: core.face.namespace, logger: core.logger });
  if (next === 'removal') {
    await removeEnded(core, ctx, id, () =>
      Promise.all([releaseNetwork(core, ctx, id), heard])
        .then(tell)
        .finally(given),
    );
    return;
  }
  await Promise.all([releaseNetwork(core, ctx, id), heard]);
  tell();
  given();
  core.life.tellExit(id, exit);
}

/** Behind the end's telling, and never fails: the task goes, and what waits for that is scheduled. Whoever removes the container need not wait for it. */
async function takeTaskAway(core: Core, id: string, ranMs: number): Promise<void> {
  const ctx = newContext({ namespace: core.face.namespace, logger: core.logger });
  await takeAway(core, id, () => deleteTask(core, ctx, id));
  const container = core.face.get(id);
  if (container !== undefined && phaseOf(container) === Phase.PHASE_RESTARTING) core.life.restarter.schedule(id, ranMs);
}
