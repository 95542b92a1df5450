import { join } from 'node:path';
import { OCI_RESOURCES_TYPE_URL, packAny, packJson } from '@gantry/api';
import { CheckpointOptions } from '@gantry/api/containerd/runc/v1/runc';
import type { Any } from '@gantry/api/google/protobuf/any';
import { formatJson, type LinuxResources } from '@gantry/oci';
import { type CallContext, derive, errorText, type GantryError, internal, isErrorOf, type Logger, newContext, notFound } from '@gantry/rpc';
import type { CgroupManager, CgroupPlan } from '@gantry/runtime';
import type { Fields } from '@gantry/native';
import type { RemoteProcess } from '../../monitor/remote-process';
import { type ExitState, readExitState, startTimeOf, writeJson } from '../../monitor/state-files';
import type { Driver, DriverExec, DriverName, DriverTask, FailedLaunch } from '../driver';
import { RemoteExec } from './exec-process';
import { RemoteInit } from './init-process';
import { endServer, readKnown, writeKnown } from './known-server';
import type { TaskServer } from './server';
import { openSession, type Session } from './session';

export interface RemoteDriverOptions {
  readonly name: DriverName;
  readonly server: TaskServer;
  readonly cgroups: CgroupManager;
  readonly logger: Logger;
}

/** Milliseconds for the calls that take a task away; a server that does not answer is cleaned up after. */
const REMOVE_MS = 10_000;
const LEAVE_MS = 2000;
const SIGKILL = 9;

/**
 * Tasks of another program: containerd's Task service over ttrpc or gRPC. The monitor carries stdio and keeps the log and the exit, so that
 * neither is lost when this shim dies; the other program's own exit status waits there until Delete, and is asked for again after a restart.
 */
export class RemoteDriver implements Driver {
  readonly name: DriverName;
  readonly mapsBinds = false;
  private readonly sessions = new Map<string, Promise<Session>>();
  private readonly deaths = new Map<string, Promise<ExitState>>();

  constructor(private readonly settings: RemoteDriverOptions) {
    this.name = settings.name;
  }

  cgroup(task: Omit<DriverTask, 'cgroup'>): CgroupPlan | undefined {
    const path = task.spec.linux?.cgroupsPath ?? '';
    return path.startsWith('/') ? this.settings.cgroups.plan(path) : undefined;
  }

  async prepare(task: DriverTask): Promise<{ fields: Fields; warnings: readonly string[] }> {
    return { fields: { driver: 'remote', side_log: this.settings.server.log(task) }, warnings: [] };
  }

  async prepareExec(task: DriverTask, exec: DriverExec): Promise<Fields> {
    const { execId, process, terminal } = exec;
    writeJson(join(exec.dir, 'process.json'), { terminal, process: JSON.parse(formatJson({ ...process, terminal })) as unknown });
    await this.session(task); // one that cannot be reached is told now
    return { driver: 'remote', exec_id: execId };
  }

  remote(task: () => DriverTask, exec: { readonly execId: string; readonly dir: string } | undefined): RemoteProcess {
    return exec === undefined ? new RemoteInit(this, task) : new RemoteExec(this, task, exec.execId, exec.dir);
  }

  async explain(_launch: FailedLaunch, error: GantryError): Promise<GantryError> {
    return error; // the steps explain their own failures
  }

  async kill(task: DriverTask, signal: number, all: boolean): Promise<void> {
    const { tasks } = await this.session(task);
    await tasks.kill(this.context(task), { id: task.id, execId: '', signal, all });
  }

  async pause(task: DriverTask): Promise<void> {
    await (await this.session(task)).tasks.pause(this.context(task), { id: task.id });
  }

  async resume(task: DriverTask): Promise<void> {
    await (await this.session(task)).tasks.resume(this.context(task), { id: task.id });
  }

  async update(task: DriverTask, resources: LinuxResources): Promise<void> {
    const packed = packJson(OCI_RESOURCES_TYPE_URL, JSON.parse(formatJson(resources)) as unknown);
    await (await this.session(task)).tasks.update(this.context(task), { id: task.id, resources: packed, annotations: {} });
  }

  async pids(task: DriverTask): Promise<readonly number[]> {
    const { processes } = await (await this.session(task)).tasks.pids(this.context(task), { id: task.id });
    return processes.map(({ pid }) => pid);
  }

  async stats(task: DriverTask): Promise<Any> {
    const { stats } = await (await this.session(task)).tasks.stats(this.context(task), { id: task.id });
    if (stats === undefined) throw internal(`the runtime of task ${task.id} told no metrics`);
    return stats;
  }

  async checkpoint(
    task: DriverTask,
    path: string,
    options: CheckpointOptions,
    _init: DriverExec['init'],
    signal: AbortSignal,
  ): Promise<void> {
    await (
      await this.session(task)
    ).tasks.checkpoint(derive(this.context(task), { signal }), { id: task.id, path, options: packAny(CheckpointOptions, options) });
  }

  async sweep(task: DriverTask): Promise<void> {
    if (task.cgroup !== undefined) await this.settings.cgroups.killAll(task.cgroup);
  }

  async remove(task: DriverTask): Promise<void> {
    const known = readKnown(task.dir);
    if (known === undefined) return; // nothing was started
    const told = known.endpoint !== undefined || this.settings.server.ownsProcess; // a server of many that never answered knows nothing of it
    const clean =
      !told ||
      (await this.deleteTask(task).catch((error: unknown) => {
        this.settings.logger.warn(
          { err: error, id: task.id },
          `a task is cleaned up because its server does not delete it: ${errorText(error)}`,
        );
        return false;
      }));
    if (!clean) await this.dead(task);
    await this.dismiss(task);
    this.deaths.delete(keyOf(task));
    if (task.cgroup !== undefined) await this.settings.cgroups.remove(task.cgroup);
  }

  async close(): Promise<void> {
    const open = [...this.sessions.values()];
    this.sessions.clear();
    for (const one of open)
      await one.then(
        (session) => session.close(),
        () => undefined,
      );
  }

  /** Starts the server of a task that is being created; it is known to a later shim from the first moment. */
  async begin(task: DriverTask): Promise<Session> {
    writeKnown(task.dir, {});
    return this.session(task);
  }

  /** The connection to a task's server; a server that was never told is started, one that is dead is `unavailable`. */
  session(task: DriverTask): Promise<Session> {
    const key = keyOf(task);
    const open = this.sessions.get(key);
    if (open !== undefined) return open;
    const opening = this.open(task);
    this.sessions.set(key, opening);
    const forget = (): void => {
      if (this.sessions.get(key) === opening) this.sessions.delete(key);
    };
    opening.then((session) => session.closed.then(forget), forget);
    return opening;
  }

  /** The end of a task whose server is gone; its server's cleaning up runs once. */
  dead(task: DriverTask): Promise<ExitState> {
    const key = keyOf(task);
    const already = this.deaths.get(key);
    if (already !== undefined) return already;
    const death = this.settings.server.clean(task).catch((error: unknown): ExitState => {
      this.settings.logger.error({ err: error, id: task.id }, `cannot clean up after a task whose server is gone: ${errorText(error)}`);
      return { exit_code: 255, exited_at: new Date().toISOString(), oom: false, error: errorText(error) };
    });
    this.deaths.set(key, death);
    return death;
  }

  context(task: Pick<DriverTask, 'namespace'>): CallContext {
    return newContext({ namespace: task.namespace });
  }

  get server(): TaskServer {
    return this.settings.server;
  }

  private async open(task: DriverTask): Promise<Session> {
    const known = readKnown(task.dir);
    if (known === undefined) throw notFound(`task ${task.id} has no server`);
    const endpoint = known.endpoint ?? (await this.settings.server.start(task));
    const session = await openSession(endpoint);
    if (known.endpoint === undefined) {
      const { shimPid: pid } = await session.tasks
        .connect(this.context(task), { id: task.id }, { timeoutMs: REMOVE_MS })
        .catch(() => ({ shimPid: 0 }));
      const startTime = pid > 0 ? startTimeOf(pid) : undefined;
      const owned = this.settings.server.ownsProcess || task.options.serviceCommand.length > 0;
      writeKnown(task.dir, { endpoint, owned, ...(startTime === undefined ? {} : { pid, startTime }) });
    }
    return session;
  }

  /** True when the server has taken the task away, or never had it. */
  private async deleteTask(task: DriverTask): Promise<boolean> {
    const { tasks } = await this.session(task);
    const [ctx, limit] = [this.context(task), { timeoutMs: REMOVE_MS }];
    const request = { id: task.id, execId: '' };
    const gone = async (): Promise<boolean> =>
      tasks.delete(ctx, request, limit).then(
        () => true,
        (error: unknown) => {
          if (isErrorOf(error, 'notFound')) return true;
          if (isErrorOf(error, 'unavailable', 'deadlineExceeded')) throw error;
          return false;
        },
      );
    if (readExitState(task.dir) !== undefined && (await gone())) return true;
    // A creation is being undone, or the monitor ended the task by itself: what runs, to the server's knowledge, is ended first.
    await tasks.kill(ctx, { ...request, signal: SIGKILL, all: true }, limit).catch(() => undefined);
    await tasks.wait(ctx, request, limit).catch(() => undefined);
    return gone();
  }

  private async hasLeft(session: Session): Promise<boolean> {
    const late = Promise.withResolvers<false>();
    const timer = setTimeout(() => late.resolve(false), LEAVE_MS);
    const left = await Promise.race([session.closed.then(() => true as const), late.promise]);
    clearTimeout(timer);
    return left;
  }

  /** Tells the server that the task is done with, and sees to it that a server of its own leaves. */
  private async dismiss(task: DriverTask): Promise<void> {
    const key = keyOf(task);
    const { endpoint } = readKnown(task.dir) ?? {};
    const session = await this.sessions.get(key)?.catch(() => undefined);
    if (session !== undefined) {
      await session.tasks.shutdown(this.context(task), { id: task.id, now: false }, { timeoutMs: LEAVE_MS }).catch(() => undefined);
      if (this.settings.server.ownsProcess && !(await this.hasLeft(session)))
        this.settings.logger.warn({ id: task.id, address: endpoint?.address }, 'the shim of a deleted task goes on: it has other tasks');
      session.close();
    }
    this.sessions.delete(key);
    if (session === undefined && this.settings.server.ownsProcess) endServer(task.dir);
  }
}

const keyOf = (task: Pick<DriverTask, 'namespace' | 'id'>): string => `${task.namespace}/${task.id}`;
