import type {
  CheckpointTaskRequest,
  CloseIORequest,
  CreateTaskRequest,
  CreateTaskResponse,
  DeleteRequest,
  DeleteResponse,
  ExecProcessRequest,
  KillRequest,
  PauseRequest,
  PidsRequest,
  PidsResponse,
  ResizePtyRequest,
  ResumeRequest,
  StartRequest,
  StartResponse,
  StateRequest,
  StateResponse,
  StatsRequest,
  StatsResponse,
  UpdateTaskRequest,
  WaitRequest,
  WaitResponse,
} from '@gantry/api/containerd/task/v3/shim';
import type { Any } from '@gantry/api/google/protobuf/any';
import type { Timestamp } from '@gantry/api/google/protobuf/timestamp';
import type { CallContext } from '@gantry/rpc';

/**
 * The shim's Task v3 service as this process sees it; one object serves every task of every namespace (ctx.namespace says which).
 * Errors are GantryErrors as the shim sent them: notFound for an unknown task, failedPrecondition for one in the wrong state.
 */
export interface Tasks {
  create(ctx: CallContext, request: Partial<CreateTaskRequest> & { id: string; bundle: string }): Promise<CreateTaskResponse>;
  start(ctx: CallContext, request: Partial<StartRequest> & { id: string }): Promise<StartResponse>;
  delete(ctx: CallContext, request: Partial<DeleteRequest> & { id: string }): Promise<DeleteResponse>;
  state(ctx: CallContext, request: Partial<StateRequest> & { id: string }): Promise<StateResponse>;
  kill(ctx: CallContext, request: Partial<KillRequest> & { id: string; signal: number }): Promise<void>;
  exec(ctx: CallContext, request: Partial<ExecProcessRequest> & { id: string; execId: string }): Promise<void>;
  resizePty(ctx: CallContext, request: Partial<ResizePtyRequest> & { id: string }): Promise<void>;
  closeIO(ctx: CallContext, request: Partial<CloseIORequest> & { id: string }): Promise<void>;
  pids(ctx: CallContext, request: PidsRequest): Promise<PidsResponse>;
  pause(ctx: CallContext, request: PauseRequest): Promise<void>;
  resume(ctx: CallContext, request: ResumeRequest): Promise<void>;
  update(ctx: CallContext, request: Partial<UpdateTaskRequest> & { id: string }): Promise<void>;
  checkpoint(ctx: CallContext, request: CheckpointTaskRequest): Promise<void>;
  wait(ctx: CallContext, request: Partial<WaitRequest> & { id: string }): Promise<WaitResponse>;
  stats(ctx: CallContext, request: StatsRequest): Promise<StatsResponse>;
  /** The metrics of those of these tasks whose cgroups the shim reads itself; `stats` has those of the others, or says why there are none. */
  collect(ctx: CallContext, ids: readonly string[]): Promise<ReadonlyMap<string, Any>>;
}

/** One event of the shim: containerd.events.Task* in an Any, with containerd's topic, for example /tasks/exit. */
export interface TaskEvent {
  readonly sequence: bigint;
  readonly namespace: string;
  readonly topic: string;
  readonly timestamp: Timestamp | undefined;
  readonly event: Any;
  /** Why a process ended when that was not its own doing; empty otherwise. */
  readonly exitError: string;
}

/**
 * The shim's events, in order. Each handler is called (one after another, in order of registration) and awaited; then the event is
 * acknowledged, and the shim forgets it. A handler that throws is called again with growing pauses until it does not: what follows of the same
 * container waits, other containers do not, and nothing is acknowledged before. A handler must be
 * idempotent: an event comes again when this process died before its acknowledgement. The connection is made again for ever.
 */
export interface TaskEvents {
  onEvent(handler: (event: TaskEvent) => void | Promise<void>): () => void;
  /** Starts to listen. Call it after every handler is registered. */
  start(): void;
  stop(): Promise<void>;
}
