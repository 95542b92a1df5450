import { formatTimestamp, unpackAny } from '@gantry/api';
import { TaskExit, TaskOOM } from '@gantry/api/containerd/events/events';
import type { Core } from '../core';
import { followPause } from '../pause/follow';
import { isRunning } from '../phases';
import type { TaskEvent } from '../tasks';
import { nowText } from '../time';
import { applyExit } from './exit';

/** The core's handler of the shim's events. Durable when it returns; the work that follows an end is queued behind it. */
export function handleTaskEvent(core: Core, event: TaskEvent): void {
  if (event.namespace !== core.face.namespace) return;
  const exit = unpackAny(event.event, TaskExit);
  if (exit !== undefined) {
    const exitedAt = exit.exitedAt === undefined ? nowText() : formatTimestamp(exit.exitedAt);
    if (exit.id === exit.containerId || exit.id === '')
      applyExit(core, exit.containerId, { pid: exit.pid, exitCode: exit.exitStatus, exitedAt, error: event.exitError });
    else core.face.execEnded(exit.containerId, exit.id, exit.exitStatus);
  }
  const oom = unpackAny(event.event, TaskOOM);
  if (oom !== undefined) applyOom(core, oom.containerId, event);
  followPause(core, event);
}

/** The shim tells it again when this process died before it was confirmed. */
function applyOom({ face }: Pick<Core, 'face'>, id: string, { timestamp }: TaskEvent): void {
  const container = face.get(id);
  if (container === undefined || !isRunning(container)) return;
  face.note(id, { oomKilled: true }, { durable: false });
  face.happened(id, 'oom', timestamp === undefined ? undefined : `oom ${id} ${formatTimestamp(timestamp)}`);
}
