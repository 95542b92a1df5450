import type { TaskService } from '@gantry/api/containerd/task/v3/shim';
import type { Handlers } from '@gantry/rpc';
import { checkpointTask } from '../tasks/checkpoint';
import { createTask } from '../tasks/create';
import { deleteProcess } from '../tasks/delete';
import type { TaskParts } from '../tasks/engine';
import { addExec } from '../tasks/exec';
import { killProcess } from '../tasks/kill';
import { pauseTask, resumeTask } from '../tasks/pause';
import { taskPids } from '../tasks/pids';
import { startProcess } from '../tasks/start';
import { processState } from '../tasks/state';
import { taskStats } from '../tasks/stats';
import { untilGone } from '../tasks/until-gone';
import { updateTask } from '../tasks/update';
import { exitedAt } from '../tasks/watch';

/** What Connect answers as the protocol's version. */
const PROTOCOL = '3';

/** containerd.task.v3.Task for the tasks of every namespace; the namespace comes with the call's metadata. */
export function taskHandlers(engine: TaskParts): Handlers<typeof TaskService> {
  const { registry } = engine;
  return {
    create: async (ctx, request) => ({ pid: (await createTask(engine, ctx, request)).init.pid }),
    start: async (ctx, { id, execId }) => ({ pid: await startProcess(engine, ctx.namespace, id, execId) }),
    state: async (ctx, { id, execId }) => processState(engine, ctx.namespace, id, execId),
    delete: async (ctx, { id, execId }) => {
      const { pid, exit } = await deleteProcess(engine, ctx, id, execId);
      return { pid, exitStatus: exit.exit_code, exitedAt: exitedAt(exit) };
    },
    exec: async (ctx, request) => {
      await addExec(engine, ctx, request);
      return {};
    },
    kill: async (ctx, { id, execId, signal, all }) => {
      await killProcess(engine, ctx.namespace, id, { execId, signal, all });
      return {};
    },
    pause: async (ctx, { id }) => {
      await pauseTask(engine, ctx.namespace, id);
      return {};
    },
    resume: async (ctx, { id }) => {
      await resumeTask(engine, ctx.namespace, id);
      return {};
    },
    resizePty: async (ctx, { id, execId, width, height }) => {
      await registry.process(ctx.namespace, id, execId).resize(width, height);
      return {};
    },
    closeIo: async (ctx, { id, execId, stdin }) => {
      if (stdin) await registry.process(ctx.namespace, id, execId).closeStdin();
      return {};
    },
    update: async (ctx, { id, resources, annotations }) => {
      await updateTask(engine, ctx.namespace, id, { resources, annotations });
      return {};
    },
    wait: async (ctx, { id, execId }) => {
      const exit = await untilGone(ctx, registry.process(ctx.namespace, id, execId).exit);
      return { exitStatus: exit.exit_code, exitedAt: exitedAt(exit) };
    },
    pids: async (ctx, { id }) => ({ processes: await taskPids(engine, ctx.namespace, id) }),
    stats: async (ctx, { id }) => ({ stats: await taskStats(engine, ctx.namespace, id) }),
    connect: async (ctx, { id }) => ({
      shimPid: process.pid,
      taskPid: id === '' ? 0 : registry.get(ctx.namespace, id).init.pid,
      version: PROTOCOL,
    }),
    checkpoint: async (ctx, { id, path, options }) => {
      await checkpointTask(engine, ctx.namespace, { id, path, options, signal: ctx.signal });
      return {};
    },
    // For a shim of one task this is the order to leave. This one serves many tasks and clients, and whoever runs the service ends it.
    shutdown: async () => ({}),
  };
}
