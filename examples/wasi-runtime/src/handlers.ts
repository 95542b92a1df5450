import { toTimestamp } from '@gantry/api';
import type { TaskService } from '@gantry/api/containerd/task/v3/shim';
import { Status } from '@gantry/api/containerd/v1/types/task';
import { alreadyExists, type CallContext, failedPrecondition, type Handlers, notFound, notImplemented } from '@gantry/rpc';
import { readProgram } from './program';
import { type Exit, WasiTask } from './task';

const statuses = { created: Status.CREATED, running: Status.RUNNING, paused: Status.PAUSED, stopped: Status.STOPPED } as const;

/** containerd.task.v3.Task for WASI modules. `idle` is called by a Shutdown when no task is left. */
export function taskHandlers(idle: () => void): Handlers<typeof TaskService> {
  const tasks = new Map<string, WasiTask>();
  const keyOf = (ctx: CallContext, id: string): string => `${ctx.namespace}/${id}`;
  const get = (ctx: CallContext, id: string, execId = ''): WasiTask => {
    const task = execId === '' ? tasks.get(keyOf(ctx, id)) : undefined;
    if (task === undefined) throw notFound(`task ${execId === '' ? id : `${id}, process ${execId}`} not found`);
    return task;
  };
  const exited = (exit: Exit) => ({ exitStatus: exit.code, exitedAt: toTimestamp(exit.at) });
  const refuse = (what: string) => async (): Promise<never> => {
    throw notImplemented(`wasi runtime: ${what} is not supported`);
  };

  return {
    create: async (ctx, { id, bundle, rootfs, terminal, stdin, stdout, stderr, checkpoint }) => {
      if (tasks.has(keyOf(ctx, id))) throw alreadyExists(`task ${id} already exists`);
      if (rootfs.length > 0) throw notImplemented(`wasi runtime: the mounts of ${id} must be made by its caller`);
      if (terminal || checkpoint !== '')
        throw notImplemented(`wasi runtime: ${terminal ? 'a terminal' : 'a checkpoint'} for ${id} is not supported`);
      const task = await WasiTask.create(bundle, readProgram(bundle, id), { stdin, stdout, stderr });
      tasks.set(keyOf(ctx, id), task);
      return { pid: task.pid };
    },
    start: async (ctx, { id, execId }) => {
      const task = get(ctx, id, execId);
      task.start();
      return { pid: task.pid };
    },
    state: async (ctx, { id, execId }) => {
      const task = get(ctx, id, execId);
      return {
        id,
        execId: '',
        bundle: task.bundle,
        pid: task.pid,
        status: statuses[task.status],
        ...task.stdio,
        terminal: false,
        ...(task.exit === undefined ? { exitStatus: 0, exitedAt: undefined } : exited(task.exit)),
      };
    },
    wait: async (ctx, { id, execId }) => exited(await get(ctx, id, execId).ended),
    kill: async (ctx, { id, execId, signal }) => {
      get(ctx, id, execId).signal(signal);
      return {};
    },
    delete: async (ctx, { id, execId }) => {
      const task = get(ctx, id, execId);
      if (task.exit === undefined) throw failedPrecondition(`task ${id} is ${task.status}`);
      tasks.delete(keyOf(ctx, id));
      return { pid: task.pid, ...exited(task.exit) };
    },
    pause: async (ctx, { id }) => {
      get(ctx, id).pause(true);
      return {};
    },
    resume: async (ctx, { id }) => {
      get(ctx, id).pause(false);
      return {};
    },
    closeIo: async (ctx, { id, execId, stdin }) => {
      if (stdin) get(ctx, id, execId).closeStdin();
      return {};
    },
    pids: async (ctx, { id }) => ({ processes: [{ pid: get(ctx, id).pid, info: undefined }] }),
    connect: async (ctx, { id }) => ({ shimPid: process.pid, taskPid: tasks.get(keyOf(ctx, id))?.pid ?? 0, version: '3' }),
    shutdown: async () => {
      if (tasks.size === 0) setImmediate(idle);
      return {};
    },
    exec: refuse('exec'),
    resizePty: refuse('a terminal'),
    update: refuse('a change of limits'),
    stats: refuse('stats'),
    checkpoint: refuse('a checkpoint'),
  };
}
