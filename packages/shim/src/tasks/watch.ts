import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseTimestamp, toTimestamp } from '@gantry/api';
import { TaskExecStarted, TaskExit, TaskOOM, TaskStart } from '@gantry/api/containerd/events/events';
import type { Timestamp } from '@gantry/api/google/protobuf/timestamp';
import { MonitoredProcess } from '../monitor/process';
import type { RemoteProcess } from '../monitor/remote-process';
import type { ExitState } from '../monitor/state-files';
import type { TaskParts } from './engine';

export interface Watched {
  readonly namespace: string;
  readonly id: string;
  /** Empty for the task's init. */
  readonly execId: string;
  readonly dir: string;
  readonly socket: string;
  readonly killAll: () => Promise<void>;
  /** Of a driver whose processes are another program's. */
  readonly remote?: RemoteProcess | undefined;
  /** After the exit was told. */
  readonly ended: (exit: ExitState) => void;
}

const PUBLISHED = 'published';

/**
 * A monitored process whose start, OOM kill and exit become containerd's events. The exit event is journaled before the mark `published` is
 * set, so that a shim killed between the two tells it twice, but never not at all.
 */
export function watchProcess(engine: TaskParts, watched: Watched): MonitoredProcess {
  const { namespace, id, execId, dir } = watched;
  let oomTold = false;
  const oom = (): void => {
    if (execId !== '') return;
    oomTold = true;
    engine.publisher.publish(namespace, '/tasks/oom', TaskOOM, { containerId: id });
  };
  const publishExit = (process: MonitoredProcess, exit: ExitState): void => {
    const mark = join(dir, PUBLISHED);
    if (existsSync(mark)) return;
    if (exit.oom && !oomTold) oom();
    engine.publisher.publish(
      namespace,
      '/tasks/exit',
      TaskExit,
      {
        containerId: id,
        id: execId === '' ? id : execId,
        pid: process.pid,
        exitStatus: exit.exit_code,
        exitedAt: exitedAt(exit),
      },
      exit.error,
    );
    writeFileSync(mark, '', { mode: 0o600 });
  };
  const process: MonitoredProcess = new MonitoredProcess({
    dir,
    socket: watched.socket,
    logger: engine.logger,
    killAll: watched.killAll,
    remote: watched.remote,
    clientTimeoutMs: engine.clientTimeoutMs,
    events: {
      started: (pid) => {
        if (execId === '') engine.publisher.publish(namespace, '/tasks/start', TaskStart, { containerId: id, pid });
        else engine.publisher.publish(namespace, '/tasks/exec-started', TaskExecStarted, { containerId: id, execId, pid });
      },
      oom,
      clientDropped: ({ client_pid: pid, client_uid: uid, unread, stuck_ms: ms }) => {
        engine.logger.warn(
          { namespace, id, execId, pid, uid, unread },
          `dropped a client attached to ${id}: it held the output up and read nothing for ${ms} ms`,
        );
      },
      exited: (exit) => {
        if ((exit.log_dropped ?? 0) > 0)
          engine.logger.warn({ namespace, id, execId, dropped: exit.log_dropped }, `lines of the log of ${id} could not be written`);
        try {
          publishExit(process, exit);
        } catch (error) {
          engine.logger.error({ err: error, id, execId }, 'cannot publish an exit');
        }
        watched.ended(exit);
      },
    },
  });
  return process;
}

/** When it exited, as protobuf says it. */
export function exitedAt(exit: ExitState): Timestamp {
  try {
    return parseTimestamp(exit.exited_at);
  } catch {
    return toTimestamp(new Date());
  }
}
