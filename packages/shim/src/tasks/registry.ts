import { alreadyExists, notFound } from '@gantry/rpc';
import type { MonitoredProcess } from '../monitor/process';
import type { ExecProcess, Task } from './task';

/** All tasks of this shim, by namespace and id. */
export class TaskRegistry {
  private readonly tasks = new Map<string, Task>();
  private readonly reserved = new Set<string>();

  /** Takes the name for a creation; `add` or `forget` must follow. */
  reserve(namespace: string, id: string): void {
    const key = keyOf(namespace, id);
    if (this.tasks.has(key) || this.reserved.has(key)) throw alreadyExists(`task ${id} already exists in namespace ${namespace}`);
    this.reserved.add(key);
  }

  add(task: Task): void {
    const key = keyOf(task.record.namespace, task.record.id);
    this.reserved.delete(key);
    this.tasks.set(key, task);
  }

  forget(namespace: string, id: string): void {
    const key = keyOf(namespace, id);
    this.reserved.delete(key);
    this.tasks.delete(key);
  }

  get(namespace: string, id: string): Task {
    const task = this.tasks.get(keyOf(namespace, id));
    if (task === undefined) throw notFound(`task ${id} not found in namespace ${namespace}`, { meta: { missing: 'task' } });
    return task;
  }

  /** The task, or undefined. */
  find(namespace: string, id: string): Task | undefined {
    return this.tasks.get(keyOf(namespace, id));
  }

  exec(namespace: string, id: string, execId: string): ExecProcess {
    const exec = this.get(namespace, id).execs.get(execId);
    if (exec === undefined) throw notFound(`process does not exist ${execId}`, { meta: { missing: 'process' } });
    return exec;
  }

  /** Init's process, or an exec's when its id is given. */
  process(namespace: string, id: string, execId: string): MonitoredProcess {
    return execId === '' ? this.get(namespace, id).init : this.exec(namespace, id, execId).process;
  }

  all(): readonly Task[] {
    return [...this.tasks.values()];
  }
}

const keyOf = (namespace: string, id: string): string => `${namespace}/${id}`;
