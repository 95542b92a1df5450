import { readMonitorState } from '../monitor/state-files';
import type { TaskParts } from './engine';
import type { TaskRecord } from './record';

/** Moves the monitor whose directory this is into the cgroup that the client named for the task's shim: monitors are what the shim is for a task. */
export async function joinShimCgroup(engine: TaskParts, { shimCgroup }: TaskRecord, dir: string): Promise<void> {
  const monitor = readMonitorState(dir)?.monitor_pid;
  if (shimCgroup !== undefined && monitor !== undefined) await engine.cgroups.move(engine.cgroups.plan(shimCgroup), monitor);
}
