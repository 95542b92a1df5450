import { timestampNow } from '@gantry/api';
import { type CreateTaskRequest, CreateTaskRequest as CreateMessage, StateResponse } from '@gantry/api/containerd/task/v3/shim';
import { Status } from '@gantry/api/containerd/v1/types/task';
import type { Any } from '@gantry/api/google/protobuf/any';
import { alreadyExists, type CallContext, deadlineExceeded, failedPrecondition, notFound } from '@gantry/rpc';
import type { LinuxResources } from '@gantry/oci';
import type { Tasks } from '../core/tasks';

interface FakeProcess {
  state: StateResponse;
  exited: PromiseWithResolvers<void>;
}

/** The shim's Task service in memory: processes are numbers, a signal ends one with 128 + its number. */
export class FakeTasks implements Tasks {
  readonly created: CreateTaskRequest[] = [];
  private readonly processes = new Map<string, FakeProcess>();
  nextPid = 1000;
  /** Told of every signal that ends a process. */
  onKill: (id: string, signal: number, execId: string) => void = () => undefined;

  private key(ctx: CallContext, id: string, execId = ''): string {
    return `${ctx.namespace}/${id}/${execId}`;
  }

  private need(ctx: CallContext, id: string, execId?: string): FakeProcess {
    const found = this.processes.get(this.key(ctx, id, execId));
    if (found === undefined) throw notFound(`task ${id} not found`);
    return found;
  }

  private add(ctx: CallContext, state: Partial<StateResponse> & { id: string }): FakeProcess {
    const key = this.key(ctx, state.id, state.execId);
    if (this.processes.has(key)) throw alreadyExists(`task ${state.id} exists`);
    const process = {
      state: StateResponse.fromPartial({ ...state, pid: this.nextPid++, status: Status.CREATED }),
      exited: Promise.withResolvers<void>(),
    };
    this.processes.set(key, process);
    return process;
  }

  create: Tasks['create'] = async (ctx, request) => {
    const full = CreateMessage.fromPartial(request);
    this.created.push(full);
    const { id, bundle, stdin, stdout, stderr, terminal } = full;
    return { pid: this.add(ctx, { id, bundle, stdin, stdout, stderr, terminal }).state.pid };
  };

  start: Tasks['start'] = async (ctx, { id, execId }) => {
    const { state } = this.need(ctx, id, execId);
    state.status = Status.RUNNING;
    return { pid: state.pid };
  };

  delete: Tasks['delete'] = async (ctx, { id, execId }) => {
    const { state } = this.need(ctx, id, execId);
    if (state.status === Status.RUNNING) throw failedPrecondition(`task ${id} is running`);
    this.processes.delete(this.key(ctx, id, execId));
    return { pid: state.pid, exitStatus: state.exitStatus, exitedAt: state.exitedAt };
  };

  state: Tasks['state'] = async (ctx, { id, execId }) => this.need(ctx, id, execId).state;

  kill: Tasks['kill'] = async (ctx, { id, execId, signal }) => {
    const { state, exited } = this.need(ctx, id, execId);
    Object.assign(state, { status: Status.STOPPED, exitStatus: 128 + signal, exitedAt: timestampNow() });
    exited.resolve();
    this.onKill(id, signal, execId ?? '');
  };

  /** A process ends by itself. */
  end(ctx: CallContext, id: string, exitStatus: number, execId = ''): void {
    const { state, exited } = this.need(ctx, id, execId);
    Object.assign(state, { status: Status.STOPPED, exitStatus, exitedAt: timestampNow() });
    exited.resolve();
  }

  pidOf(ctx: CallContext, id: string, execId = ''): number {
    return this.processes.get(this.key(ctx, id, execId))?.state.pid ?? 0;
  }

  /** Ids of the tasks that exist. */
  get ids(): string[] {
    return [...this.processes.keys()];
  }

  exec: Tasks['exec'] = async (ctx, { id, execId, stdout = '' }) => {
    this.need(ctx, id);
    this.add(ctx, { id, execId, stdout });
  };

  readonly checkpoints: string[] = [];
  checkpoint: Tasks['checkpoint'] = async (ctx, { id, path }) => {
    this.need(ctx, id);
    this.checkpoints.push(path);
  };

  wait: Tasks['wait'] = async (ctx, { id, execId }) => {
    const { state, exited } = this.need(ctx, id, execId);
    const aborted = new Promise<never>((_resolve, reject) => {
      const fail = (): void => reject(deadlineExceeded('the wait was given up'));
      if (ctx.signal.aborted) fail();
      else ctx.signal.addEventListener('abort', fail, { once: true });
    });
    aborted.catch(() => undefined); // nobody may be waiting any more
    await Promise.race([exited.promise, aborted]);
    return { exitStatus: state.exitStatus, exitedAt: state.exitedAt };
  };

  resizePty: Tasks['resizePty'] = async (ctx, { id, execId }) => void this.need(ctx, id, execId);
  closeIO: Tasks['closeIO'] = async (ctx, { id, execId }) => void this.need(ctx, id, execId);
  pids: Tasks['pids'] = async (ctx, { id }) => ({ processes: [{ pid: this.need(ctx, id).state.pid, info: undefined }] });
  pause: Tasks['pause'] = async (ctx, { id }) => void (this.need(ctx, id).state.status = Status.PAUSED);
  resume: Tasks['resume'] = async (ctx, { id }) => void (this.need(ctx, id).state.status = Status.RUNNING);
  /** Limits that tasks were given. */
  readonly updates: LinuxResources[] = [];
  update: Tasks['update'] = async (ctx, { id, resources }) => {
    this.need(ctx, id);
    this.updates.push(JSON.parse(Buffer.from(resources?.value ?? []).toString()) as LinuxResources);
  };
  stats: Tasks['stats'] = async (ctx, { id }) => {
    this.need(ctx, id);
    return { stats: this.metrics };
  };
  /** What every task uses. */
  metrics: Any = { typeUrl: 'io.containerd.cgroups.v1.Metrics', value: Buffer.alloc(0) };
  /** Tasks that another shim runs: only `stats` tells of them. */
  readonly elsewhere = new Set<string>();
  collect: Tasks['collect'] = async (ctx, ids) =>
    new Map(ids.filter((id) => this.processes.has(this.key(ctx, id)) && !this.elsewhere.has(id)).map((id) => [id, this.metrics]));
}
