import { constants } from 'node:os';
import { Status } from '@gantry/api/containerd/v1/types/task';
import { type CallContext, ignore, isErrorOf, withTimeout } from '@gantry/rpc';
import { isRunning, stateOf } from '../../core/phases';
import type { Uses } from '../engine';
import type { DockerRecord } from '../records';
import { sendSignal } from '../stop/kill';
import { DEFAULT_STOP_SIGNAL, parseSignal } from '../stop/signals';

type Needs = Uses<{
  settings: 'bootId' | 'liveRestore' | 'stopTimeout';
  records: 'dockerNamespace' | 'getDocker' | 'listDocker' | 'requireDocker' | 'updateDocker';
  tasks: 'kill' | 'resume' | 'state' | 'wait';
  events: 'emit';
  life: 'nextExit' | 'released' | 'restarter' | 'tellExit';
  queues: 'run';
  logger: true;
}>;

/** Milliseconds that a container may take to be gone after SIGKILL. */
const GONE_MS = 3000;

/**
 * Without live-restore no container outlives its engine: those of one that was killed, or lost, are stopped before this one serves, or a
 * container of theirs would hold addresses and ports that their network no longer has. Their ends are found out when tasks are compared.
 */
export async function stopLeftovers(engine: Needs, ctx: CallContext): Promise<void> {
  if (engine.settings.liveRestore) return;
  const left = engine.records.listDocker().filter(({ docker }) => isRunning(docker) && stateOf(docker).bootId === engine.settings.bootId);
  await Promise.all(
    left.map((record) =>
      stop(engine, ctx, record).catch((error: unknown) =>
        engine.logger.warn({ err: error, container: record.id }, 'a container of an engine that is gone could not be stopped'),
      ),
    ),
  );
}

async function stop(engine: Needs, ctx: CallContext, { id, docker }: DockerRecord): Promise<void> {
  const task = await engine.tasks.state(ctx, { id }).catch(ignore('notFound'));
  if (task === undefined || task.status === Status.STOPPED) return;
  engine.logger.info({ container: id }, 'stopping a container of an engine that is gone');
  await sendSignal(engine, ctx, id, parseSignal(docker.config?.StopSignal || DEFAULT_STOP_SIGNAL), false);
  if (task.status === Status.PAUSED) await engine.tasks.resume(ctx, { id });
  const seconds = docker.config?.StopTimeout === undefined ? engine.settings.stopTimeout : Number(docker.config.StopTimeout);
  if (await ends(engine, seconds < 0 ? ctx : withTimeout(ctx, seconds * 1000), id)) return;
  await sendSignal(engine, ctx, id, constants.signals.SIGKILL, false);
  await ends(engine, withTimeout(ctx, GONE_MS), id);
}

/** Waits for the task itself: events of tasks are not listened to yet. */
async function ends({ tasks }: Needs, ctx: CallContext, id: string): Promise<boolean> {
  return tasks.wait(ctx, { id }).then(
    () => true,
    (error: unknown) => {
      if (isErrorOf(error, 'notFound')) return true;
      if (ctx.signal.aborted) return false;
      throw error;
    },
  );
}
