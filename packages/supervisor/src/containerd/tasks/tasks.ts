import type { TasksService } from '@gantry/api/containerd/services/tasks/v1/tasks';
import { type CallContext, type Handlers, notFound } from '@gantry/rpc';
import { bundlePath, removeBundle } from './bundle';
import { checkpointTask } from './checkpoint';
import { createTask, type TasksNeeds } from './create';
import { taskFailure } from './failures';
import { collectMetrics } from './metrics';
import { listProcesses, processOf } from './processes';
import { checkIdentifier } from '../identifiers';

/** Calls that last as long as a process does. */
export const LONG_TASK_CALLS = ['wait'] as const;

const named = ({ containerId, execId }: { containerId: string; execId: string }): { id: string; execId: string } => ({
  id: containerId,
  execId,
});

/**
 * containerd.services.tasks.v1: every call goes to the shim, for tasks of both faces alike; what follows from it (docker's state,
 * events) comes back through the shim's events.
 */
export function tasksHandlers(needs: TasksNeeds): Handlers<typeof TasksService> {
  const { tasks, records } = needs;

  const found = async <T>(ctx: CallContext, id: string, call: Promise<T>): Promise<T> => {
    try {
      return await call;
    } catch (error) {
      if (records.get(ctx.namespace, id) === undefined)
        throw notFound(`container "${id}" in namespace "${ctx.namespace}": not found`, { cause: error });
      throw taskFailure(error, id);
    }
  };
  const done = async (ctx: CallContext, id: string, call: Promise<unknown>): Promise<Record<string, never>> => {
    await found(ctx, id, call);
    return {};
  };

  return {
    create: (ctx, request) => createTask(needs, ctx, request),
    start: (ctx, request) => found(ctx, request.containerId, tasks.start(ctx, named(request))),
    async delete(ctx, { containerId }) {
      checkIdentifier(containerId);
      const { pid, exitStatus, exitedAt } = await found(ctx, containerId, tasks.delete(ctx, { id: containerId }));
      await removeBundle(bundlePath(needs.runRoot, ctx.namespace, containerId));
      return { id: containerId, pid, exitStatus, exitedAt };
    },
    async deleteProcess(ctx, request) {
      const { pid, exitStatus, exitedAt } = await found(ctx, request.containerId, tasks.delete(ctx, named(request)));
      return { id: request.execId, pid, exitStatus, exitedAt };
    },
    async get(ctx, request) {
      const state = await found(ctx, request.containerId, tasks.state(ctx, named(request)));
      return { process: processOf(request.containerId, state) };
    },
    async list(ctx) {
      return {
        tasks: await listProcesses(tasks, ctx, records.ids(ctx.namespace)),
      };
    },
    kill: (ctx, request) =>
      done(ctx, request.containerId, tasks.kill(ctx, { ...named(request), signal: request.signal, all: request.all })),
    exec(ctx, { containerId, execId, terminal, stdin, stdout, stderr, spec }) {
      checkIdentifier(execId);
      return done(ctx, containerId, tasks.exec(ctx, { id: containerId, execId, terminal, stdin, stdout, stderr, spec }));
    },
    resizePty: (ctx, request) =>
      done(ctx, request.containerId, tasks.resizePty(ctx, { ...named(request), width: request.width, height: request.height })),
    closeIo: (ctx, request) => done(ctx, request.containerId, tasks.closeIO(ctx, { ...named(request), stdin: request.stdin })),
    pause: (ctx, { containerId }) => done(ctx, containerId, tasks.pause(ctx, { id: containerId })),
    resume: (ctx, { containerId }) => done(ctx, containerId, tasks.resume(ctx, { id: containerId })),
    listPids: (ctx, { containerId }) => found(ctx, containerId, tasks.pids(ctx, { id: containerId })),
    checkpoint: (ctx, request) => found(ctx, request.containerId, checkpointTask(needs, ctx, request)),
    update: (ctx, { containerId, resources, annotations }) =>
      done(ctx, containerId, tasks.update(ctx, { id: containerId, resources, annotations })),
    async metrics(ctx, { filters }) {
      return { metrics: await collectMetrics(needs, ctx, filters) };
    },
    wait: (ctx, request) => found(ctx, request.containerId, tasks.wait(ctx, named(request))),
  };
}
