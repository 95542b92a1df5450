import type { Spec } from '@gantry/oci';
import { taskEnded } from './ended';
import type { TaskParts } from './engine';
import type { TaskRecord } from './record';
import { driverTask, type Task } from './task';
import { watchProcess } from './watch';

/** A task of a record, whose first process is watched; nothing is known of that yet, and nothing is begun. */
export function watchedTask(engine: TaskParts, record: TaskRecord, { dir, spec }: { readonly dir: string; readonly spec: Spec }): Task {
  const { namespace, id, cgroup } = record;
  const driver = engine.drivers[record.driver];
  const init = watchProcess(engine, {
    namespace,
    id,
    dir,
    execId: '',
    socket: record.socket,
    remote: driver.remote?.(() => driverTask(task), undefined),
    killAll: async () => {
      if (cgroup !== undefined) await engine.cgroups.killAll(cgroup);
    },
    ended: () => taskEnded(engine, task),
  });
  const task: Task = {
    record,
    dir,
    spec,
    driver,
    init,
    execs: new Map(),
    paused: false,
    starting: new Set(),
    deleting: undefined,
    unmounted: undefined,
  };
  return task;
}
