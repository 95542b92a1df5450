import { formatTimestamp, unpackAny } from '@gantry/api';
import { TaskExit, TaskOOM } from '@gantry/api/containerd/events/events';
import { newContext } from '@gantry/rpc';
import { isRunning, moveTo, Phase, phaseOf, stateOf, withState } from '../../core/phases';
import type { DockerContainer } from '../records';
import type { TaskEvent } from '../../core/tasks';
import { shouldRestart } from '../restart/policy';
import { forgetEndpoints } from '../connect/connect';
import { emitContainerEvent, type Engine } from '../engine';
import { followPause } from '../pause/foreign-pause';
import { removeEnded } from '../remove/remove';
import { deleteTask } from './task-end';
import { nowText } from '../../core/time';
import { tellVolumesUnmounted } from '../volumes/volume-events';

/** The end of a container's first process, as the shim told it. */
export interface TaskEnd {
  /** 0 when it is not known: then it is not compared. */
  readonly pid: number;
  readonly exitCode: number;
  /** RFC 3339. */
  readonly exitedAt: string;
  readonly error?: string;
}

/** The engine's handler of the shim's events. Durable when it returns; the work that follows an end is queued behind it. */
export function handleTaskEvent(engine: Engine, event: TaskEvent): void {
  if (event.namespace !== engine.records.dockerNamespace) return;
  const exit = unpackAny(event.event, TaskExit);
  if (exit !== undefined) {
    const exitedAt = exit.exitedAt === undefined ? nowText() : formatTimestamp(exit.exitedAt);
    if (exit.id === exit.containerId || exit.id === '')
      applyExit(engine, exit.containerId, { pid: exit.pid, exitCode: exit.exitStatus, exitedAt, error: event.exitError });
    else engine.execs.exited(exit.containerId, exit.id, exit.exitStatus);
  }
  const oom = unpackAny(event.event, TaskOOM);
  if (oom !== undefined) applyOom(engine, oom.containerId);
  followPause(engine, event);
}

function applyOom(engine: Engine, id: string): void {
  const record = engine.records.getDocker(id);
  if (record === undefined || !isRunning(record.docker)) return;
  engine.records.updateDocker(id, (docker) => withState(docker, { oomKilled: true }), { durable: false });
  emitContainerEvent(engine, id, record.docker, 'oom');
}

/**
 * Writes a container's end and what follows from its restart policy, in one transaction, then queues the rest: network, task, next start
 * or removal. Repeated and stale ends are passed over.
 */
export function applyExit(engine: Engine, id: string, end: TaskEnd): void {
  const record = engine.records.getDocker(id);
  if (record === undefined) return;
  const { docker } = record;
  const state = stateOf(docker);
  if (state.phase === Phase.PHASE_STARTING) {
    engine.life.keepEarlyExit(id, end);
    return;
  }
  if (!isRunning(docker) || (end.pid !== 0 && end.pid !== state.pid)) return;

  const exitCode = BigInt(end.exitCode);
  const again = shouldRestart(docker.hostConfig?.RestartPolicy, {
    exitCode,
    restartCount: state.restartCount,
    manuallyStopped: state.manuallyStopped,
  });
  const autoRemove = !again && !engine.life.takeKept(id) && docker.hostConfig?.AutoRemove === true;
  const phase = again ? Phase.PHASE_RESTARTING : autoRemove ? Phase.PHASE_REMOVING : Phase.PHASE_EXITED;
  const durable = !autoRemove; // a removal is what comes next, and a power loss would remove it too
  const ended = engine.records.updateDocker(
    id,
    (current) =>
      healthEnded(
        moveTo(current, phase, {
          pid: 0,
          exitCode,
          finishedAt: end.exitedAt,
          error: end.error ?? '',
          restartCount: again ? state.restartCount + 1n : state.restartCount,
        }),
      ),
    { durable },
  );
  const ranMs = Math.max(0, Date.parse(end.exitedAt) - Date.parse(state.startedAt));
  engine.life.tellEnded(id);
  engine.execs.containerEnded(id);
  emitContainerEvent(engine, id, docker, 'die', { exitCode: String(end.exitCode), execDuration: String(Math.floor(ranMs / 1000)) });
  void engine.queues
    .run(id, () => afterExit(engine, id, { again, autoRemove, ranMs, exit: { exitCode, error: ended.docker.state?.error ?? '' } }))
    .catch((error: unknown) => {
      engine.logger.error({ err: error, container: id }, 'finishing with an ended container failed');
    });
}

function healthEnded(docker: DockerContainer): DockerContainer {
  return docker.health === undefined
    ? docker
    : {
        ...docker,
        health: {
          ...docker.health,
          Status: docker.health.Status === 'healthy' || docker.health.Status === 'starting' ? 'unhealthy' : docker.health.Status,
        },
      };
}

interface AfterExit {
  readonly again: boolean;
  readonly autoRemove: boolean;
  readonly ranMs: number;
  readonly exit: { readonly exitCode: bigint; readonly error: string };
}

/** In the container's queue. The network is given back before anybody is told of the end: a port is free when `wait` returns. */
async function afterExit(engine: Engine, id: string, { again, autoRemove, ranMs, exit }: AfterExit): Promise<void> {
  const ctx = newContext({ namespace: engine.records.dockerNamespace, logger: engine.logger });
  if (autoRemove) {
    await removeEnded(engine, ctx, id, () => releaseNetwork(engine, ctx, id));
    return;
  }
  await releaseNetwork(engine, ctx, id);
  engine.life.tellExit(id, exit);
  await deleteTask(engine, ctx, id);
  const record = engine.records.getDocker(id);
  if (record === undefined) return;
  if (again && phaseOf(record.docker) === Phase.PHASE_RESTARTING) engine.life.restarter.schedule(id, ranMs);
}

/** Gives all endpoints of a container back and forgets their addresses. Failures are logged: reconciliation tries again. */
export async function releaseNetwork(engine: Engine, ctx: Parameters<Engine['network']['releaseSandbox']>[0], id: string): Promise<void> {
  const record = engine.records.getDocker(id);
  if (record === undefined) return;
  const connected = Object.entries(record.docker.endpoints).filter(([, settings]) => settings.EndpointID !== '');
  try {
    if (record.docker.networkOrder.length > 0) await engine.network.releaseSandbox(ctx, { sandboxId: id }, { timeoutMs: 20_000 });
  } catch (error) {
    engine.logger.warn({ err: error, container: id }, 'the network of an ended container was not given back');
  }
  if (engine.records.getDocker(id) !== undefined && connected.length > 0)
    engine.records.updateDocker(id, forgetEndpoints, { durable: false });
  for (const [name, settings] of connected) {
    const type = name === 'none' ? 'null' : name === 'host' ? 'host' : 'bridge';
    engine.events.emit({ type: 'network', action: 'disconnect', id: settings.NetworkID, attributes: { container: id, name, type } });
  }
  tellVolumesUnmounted(engine, id, record.docker);
}
