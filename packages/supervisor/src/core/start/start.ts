import { packAny } from '@gantry/api';
import type { Mount } from '@gantry/api/containerd/types/types';
import { CreateOptions } from '@gantry/api/gantry/shim/v1/shim';
import type { Spec } from '@gantry/oci';
import { asGantryError, type CallContext, GantryError } from '@gantry/rpc';
import type { Core } from '../core';
import { applyExit } from '../exit/exit';
import { releaseSandbox } from '../exit/release';
import { stopTask, takeAway } from '../exit/task-end';
import { Phase, type StateChange, stateOf } from '../phases';
import { bundleDir, monitorSocket } from '../places';
import { nowText } from '../time';
import { openWay, writeBundle } from './bundle';

/** The task of a start, decided by the face. */
export interface TaskPlan {
  readonly spec: Spec;
  readonly rootfs: readonly Mount[];
  readonly terminal: boolean;
  readonly openStdin: boolean;
  readonly options: CreateOptions;
  /** It goes on from these files instead of beginning; `pid` has the network namespace that it will be in, 0: none of its own. */
  readonly restore?: { readonly path: string; readonly pid: number };
  /** Group of the container's root on the host, when it is not the host's root: the way to the root file system is opened for it. */
  readonly passage?: number | undefined;
}

/** A failed start as its face tells it, and the exit code that the container is left with. */
export interface StartFailure {
  readonly error: GantryError;
  readonly exitCode: number;
}

/** What a face decides about one start, in the order in which it is asked. */
export interface Launch {
  /** Makes ready what the task needs and decides it. */
  plan(): Promise<TaskPlan>;
  /** The first process waits inside its namespaces: it gets its places on networks, and the files that tell of them. */
  connect(pid: number): Promise<void>;
  /** Who goes on from a checkpoint has a process now, of this id. */
  restored?(pid: number): Promise<void>;
  /** Inside the transaction that makes the start true: moves the container to running, with whatever the face notes along, and tells its listeners. */
  running(change: StateChange, config: Buffer): void;
  /** The start is true. */
  started(): void;
  failure(thrown: unknown): StartFailure;
}

/**
 * Starts a container that may be started, in its queue. Journaled: a start that is cut short is undone at the next start of the service.
 * Throws what the launch makes of a failure, with everything given back.
 */
export async function startTask(core: Core, ctx: CallContext, id: string, launch: Launch): Promise<void> {
  const { face, journal, tasks, life, settings } = core;
  const socket = monitorSocket(core, id);
  const entry = journal.begin('start', id, { socket }, () => face.move(id, Phase.PHASE_STARTING, { error: '', pid: 0, socket }));
  try {
    const plan = await launch.plan();
    const bundle = bundleDir(core, id);
    const config = writeBundle(bundle, plan.spec);
    if (plan.passage !== undefined) openWay(bundle, plan.passage);
    const stdio = `monitor://${socket}`;
    const created = await tasks
      .create(ctx, {
        id,
        bundle,
        rootfs: [...plan.rootfs],
        terminal: plan.terminal,
        stdout: stdio,
        stdin: plan.openStdin ? stdio : '',
        stderr: plan.terminal ? '' : stdio,
        options: packAny(CreateOptions, plan.options),
        checkpoint: plan.restore?.path ?? '',
      })
      .catch((error: unknown) => Promise.reject(ofTask(error)));
    // Who attached before is connected before the process runs: neither the first byte nor the first exit is lost.
    await Promise.all([launch.connect(plan.restore?.pid ?? created.pid), life.connectAttaches(id, socket)]);
    const started = await tasks.start(ctx, { id }).catch((error: unknown) => Promise.reject(ofTask(error)));
    const { pid } = plan.restore === undefined ? created : started;
    if (plan.restore !== undefined) await launch.restored?.(pid);
    journal.end(entry, () =>
      launch.running({ pid, exitCode: 0n, error: '', oomKilled: false, startedAt: nowText(), bootId: settings.bootId }, config),
    );
  } catch (thrown) {
    const failure = launch.failure(thrown);
    await undoStart(core, ctx, id);
    journal.end(entry, () => startFailed(core, id, failure.error.message, failure.exitCode));
    life.dropAttaches(id);
    throw failure.error;
  }
  launch.started();
  life.tellStarted(id);
  const early = life.takeEarlyExit(id);
  if (early !== undefined) applyExit(core, id, early);
}

/** A container whose start failed is what it was before: created, or exited. */
export function startFailed({ face }: Pick<Core, 'face'>, id: string, error: string, exitCode: number): void {
  const container = face.get(id);
  if (container === undefined) return;
  const ranBefore = stateOf(container).startedAt !== '';
  face.move(id, ranBefore ? Phase.PHASE_EXITED : Phase.PHASE_CREATED, { pid: 0, error, exitCode: BigInt(exitCode), socket: '' });
}

/** Gives back what a start made; what cannot be now is later. Also recovery's way of finishing with a start that was cut short. */
export async function undoStart(
  core: Pick<Core, 'face' | 'life' | 'logger' | 'network' | 'persistence' | 'settings' | 'tasks'>,
  ctx: CallContext,
  id: string,
): Promise<void> {
  core.life.takeEarlyExit(id);
  await takeAway(core, id, () => stopTask(core, ctx, id));
  await releaseSandbox(core, ctx, id, 'a failed start');
}

/** Marks a failure as the runtime's own, so that its face can tell it as such. */
function ofTask(thrown: unknown): GantryError {
  const failure = asGantryError(thrown);
  return new GantryError(failure.kind, failure.message, { cause: thrown, meta: { ...failure.meta, step: 'task' } });
}
