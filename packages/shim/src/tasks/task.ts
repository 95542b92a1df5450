import type { Spec } from '@gantry/oci';
import type { Driver, DriverTask } from '../drivers/driver';
import type { MonitoredProcess } from '../monitor/process';
import type { ExecRecord, TaskRecord } from './record';

export interface ExecProcess {
  readonly record: ExecRecord;
  readonly dir: string;
  readonly process: MonitoredProcess;
}

/** A task that exists: its record, its spec, its init and its exec processes. */
export interface Task {
  readonly record: TaskRecord;
  readonly dir: string;
  readonly spec: Spec;
  readonly driver: Driver;
  readonly init: MonitoredProcess;
  readonly execs: Map<string, ExecProcess>;
  paused: boolean;
  /** Ids of exec processes whose Start has not answered. */
  readonly starting: Set<string>;
  /** Set while Delete works; a second one waits for the same. */
  deleting: Promise<void> | undefined;
  /** Set once the task has ended: whether its rootfs was unmounted then. */
  unmounted: Promise<boolean> | undefined;
}

/** The task as its driver sees it. */
export function driverTask(task: Pick<Task, 'record' | 'dir' | 'spec'>): DriverTask {
  const { namespace, id, bundle, rootfs, runtime, stdio, cgroup, checkpoint } = task.record;
  return { namespace, id, bundle, dir: task.dir, rootfs, spec: task.spec, terminal: stdio.terminal, options: runtime, cgroup, checkpoint };
}
