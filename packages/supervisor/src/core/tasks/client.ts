import {
  CloseIORequest,
  CreateTaskRequest,
  DeleteRequest,
  ExecProcessRequest,
  KillRequest,
  ResizePtyRequest,
  StartRequest,
  StateRequest,
  TaskService,
  UpdateTaskRequest,
  WaitRequest,
} from '@gantry/api/containerd/task/v3/shim';
import { StatsServiceService } from '@gantry/api/gantry/shim/v1/shim';
import type { Any } from '@gantry/api/google/protobuf/any';
import type { Connection } from '@gantry/rpc';
import type { Tasks } from './contract';

/** Milliseconds that the shim may take for a call that touches processes or mounts. */
const SLOW_MS = 120_000;
/** Milliseconds for a call that only looks or signals. */
const QUICK_MS = 20_000;
/** Tasks whose metrics come in one message. */
const COLLECTED = 256;

/** The shim's Task service over one connection. */
export function connectTasks(connection: Connection): Tasks {
  const shim = connection.client(TaskService);
  const many = connection.client(StatsServiceService);
  const slow = { timeoutMs: SLOW_MS, waitForReady: true } as const;
  const quick = { timeoutMs: QUICK_MS, waitForReady: true } as const;
  return {
    create: (ctx, request) => shim.create(ctx, CreateTaskRequest.create(request), slow),
    start: (ctx, request) => shim.start(ctx, StartRequest.create(request), slow),
    delete: (ctx, request) => shim.delete(ctx, DeleteRequest.create(request), slow),
    state: (ctx, request) => shim.state(ctx, StateRequest.create(request), quick),
    async kill(ctx, request) {
      await shim.kill(ctx, KillRequest.create(request), quick);
    },
    async exec(ctx, request) {
      await shim.exec(ctx, ExecProcessRequest.create(request), slow);
    },
    async resizePty(ctx, request) {
      await shim.resizePty(ctx, ResizePtyRequest.create(request), quick);
    },
    async closeIO(ctx, request) {
      await shim.closeIo(ctx, CloseIORequest.create(request), quick);
    },
    pids: (ctx, request) => shim.pids(ctx, request, quick),
    async pause(ctx, request) {
      await shim.pause(ctx, request, quick);
    },
    async resume(ctx, request) {
      await shim.resume(ctx, request, quick);
    },
    async update(ctx, request) {
      await shim.update(ctx, UpdateTaskRequest.create(request), quick);
    },
    async checkpoint(ctx, request) {
      await shim.checkpoint(ctx, request, slow);
    },
    wait: (ctx, request) => shim.wait(ctx, WaitRequest.create(request), { waitForReady: true }),
    stats: (ctx, request) => shim.stats(ctx, request, quick),
    async collect(ctx, ids) {
      const found = new Map<string, Any>();
      for (let at = 0; at < ids.length; at += COLLECTED) {
        const { tasks } = await many.collect(ctx, { ids: ids.slice(at, at + COLLECTED) }, quick);
        for (const { id, stats } of tasks) if (stats !== undefined) found.set(id, stats);
      }
      return found;
    },
  };
}
