import { timestampNow, toTimestamp } from '@gantry/api';
import type { Vertex, VertexLog, VertexStatus, VertexWarning } from '@gantry/api/moby/buildkit/v1/control';
import type { ProgressGroup } from '@gantry/api/pb/ops';
import type { Timestamp } from '@gantry/api/google/protobuf/timestamp';
import { after, type Timer } from '@gantry/rpc';
import type { JobProgress } from './job-progress';
import { LogLimit } from './log-limit';
import type { StepProgress, Warning } from './progress';

/** Output of a step that comes within so many milliseconds is one entry. */
const GATHER_MS = 50;
const GATHER_BYTES = 32 * 1024;

export interface StepFacts {
  readonly digest: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly progressGroup: ProgressGroup | undefined;
}

/** What one step tells, to all builds that wait for it; a build that joins late is told what was so far. */
export class StepTrack implements StepProgress {
  private readonly jobs = new Set<JobProgress>();
  private vertex: Vertex;
  private readonly statuses = new Map<string, VertexStatus>();
  private readonly logs: VertexLog[] = [];
  private readonly warnings: VertexWarning[] = [];
  private readonly limits = new Map<1 | 2, LogLimit>();
  private pending:
    { readonly stream: 1 | 2; readonly parts: Buffer[]; size: number; readonly at: Timestamp; readonly timer: Timer } | undefined;

  constructor(facts: StepFacts) {
    this.vertex = {
      digest: facts.digest,
      inputs: [...facts.inputs],
      name: facts.name,
      cached: false,
      started: undefined,
      completed: undefined,
      error: '',
      progressGroup: facts.progressGroup,
    };
  }

  join(job: JobProgress): void {
    if (this.jobs.has(job)) return;
    this.jobs.add(job);
    job.vertex(this.vertex);
    for (const status of this.statuses.values()) job.status(status);
    for (const log of this.logs) job.log(log);
    for (const warning of this.warnings) job.warning(warning);
  }

  leave(job: JobProgress): void {
    this.jobs.delete(job);
  }

  /** Shown as not done anew. */
  get cached(): boolean {
    return this.vertex.cached;
  }

  /** The step begins, or begins again: a source that was looked up before is now brought. */
  start(cached = false): void {
    this.tell({ ...this.vertex, started: timestampNow(), completed: undefined, cached, error: '' });
    this.limits.clear();
  }

  complete({ cached = false, error }: { readonly cached?: boolean; readonly error?: string } = {}): void {
    if (error !== undefined) for (const [stream, limit] of this.limits) this.gather(stream, limit.rest());
    this.flush();
    this.tell({ ...this.vertex, completed: timestampNow(), cached, error: error ?? '' });
  }

  log(stream: 1 | 2, data: Buffer): void {
    let limit = this.limits.get(stream);
    if (limit === undefined) this.limits.set(stream, (limit = new LogLimit()));
    this.gather(stream, limit.take(data));
  }

  status(status: Parameters<StepProgress['status']>[0]): void {
    const now = timestampNow();
    const told: VertexStatus = {
      ID: status.id,
      vertex: this.vertex.digest,
      name: '',
      current: BigInt(Math.trunc(status.current ?? 0)),
      total: BigInt(Math.trunc(status.total ?? 0)),
      timestamp: now,
      started: status.started === undefined ? this.statuses.get(status.id)?.started : toTimestamp(status.started),
      completed: status.completed === undefined ? undefined : toTimestamp(status.completed),
    };
    this.statuses.set(status.id, told);
    for (const job of this.jobs) job.status(told);
  }

  warn(warning: Warning): void {
    const told = wireWarning(this.vertex.digest, warning);
    this.warnings.push(told);
    for (const job of this.jobs) job.warning(told);
  }

  private tell(vertex: Vertex): void {
    this.vertex = vertex;
    for (const job of this.jobs) job.vertex(vertex);
  }

  private gather(stream: 1 | 2, data: Buffer): void {
    if (data.length === 0) return;
    if (this.pending !== undefined && this.pending.stream !== stream) this.flush();
    this.pending ??= {
      stream,
      parts: [],
      size: 0,
      at: timestampNow(),
      timer: after(GATHER_MS, () => this.flush(), { ref: false }),
    };
    this.pending.parts.push(data);
    this.pending.size += data.length;
    if (this.pending.size >= GATHER_BYTES) this.flush();
  }

  private flush(): void {
    if (this.pending === undefined) return;
    const { stream, parts, at, timer } = this.pending;
    this.pending = undefined;
    timer.cancel();
    const log: VertexLog = { vertex: this.vertex.digest, timestamp: at, stream: BigInt(stream), msg: Buffer.concat(parts) };
    this.logs.push(log);
    for (const job of this.jobs) job.log(log);
  }
}

/** A warning about the vertex of a digest, as the wire has it. */
export function wireWarning(vertex: string, { level, short, detail, url, source, ranges }: Warning): VertexWarning {
  return {
    vertex,
    level: BigInt(level),
    short: Buffer.from(short),
    detail: detail.map((line) => Buffer.from(line)),
    url,
    info: source,
    ranges: [...ranges],
  };
}
