import { timestampNow } from '@gantry/api';
import type { StatusResponse, Vertex, VertexLog, VertexStatus, VertexWarning } from '@gantry/api/moby/buildkit/v1/control';
import { pause } from '@gantry/rpc';

/** One thing told to watchers. */
export type ProgressEvent =
  { readonly vertex: Vertex } | { readonly status: VertexStatus } | { readonly log: VertexLog } | { readonly warning: VertexWarning };

/** Events that come within so many milliseconds travel together, where the watcher does not wait for each. */
const BATCH_MS = 80;
/** Bytes of output in one message; messages of gRPC are bounded. */
const MESSAGE_BYTES = 1 << 20;
const MESSAGE_EVENTS = 2000;

/** All that the watchers of one build are told, from its beginning: a watcher that comes late is told everything. */
export class JobProgress {
  /** A status that was told again leaves a hole where it was. */
  private readonly events: (ProgressEvent | undefined)[] = [];
  private readonly statuses = new Map<string, number>();
  private readonly vertices = new Map<string, Vertex>();
  /** First event that no watcher has been told yet. */
  private told = 0;
  private readonly ended = new AbortController();
  private readonly waiting = new Set<() => void>();

  /** A vertex that begins shows that its inputs were not needed themselves: they are told as cached. */
  vertex(vertex: Vertex): void {
    if (vertex.started !== undefined) this.skipInputs(vertex);
    this.vertices.set(vertex.digest, vertex);
    this.push({ vertex });
  }

  status(status: VertexStatus): void {
    const key = `${status.vertex} ${status.ID}`;
    const at = this.statuses.get(key);
    if (at !== undefined && at >= this.told) {
      this.events[at] = { status };
      return;
    }
    if (at !== undefined) this.events[at] = undefined;
    this.statuses.set(key, this.events.length);
    this.push({ status });
  }

  log(log: VertexLog): void {
    this.push({ log });
  }

  warning(warning: VertexWarning): void {
    this.push({ warning });
  }

  /** Nothing follows. What has begun and not ended is told as cancelled. */
  close(): void {
    if (this.ended.signal.aborted) return;
    for (const vertex of this.vertices.values())
      if (vertex.started !== undefined && vertex.completed === undefined)
        this.push({ vertex: { ...vertex, completed: timestampNow(), error: vertex.cached ? '' : 'context canceled' } });
    this.ended.abort();
  }

  /** Everything so far, then what comes, until the build ends or the signal aborts; `prompt`: as it comes. */
  async *watch(signal: AbortSignal, { prompt = false }: { readonly prompt?: boolean } = {}): AsyncGenerator<StatusResponse> {
    const stop = AbortSignal.any([signal, this.ended.signal]);
    let at = 0;
    while (!signal.aborted) {
      while (at < this.events.length) {
        const { response, next } = this.gather(at);
        at = next;
        if (next > this.told) this.told = next;
        yield response;
        if (signal.aborted) return;
      }
      if (this.ended.signal.aborted) return;
      await this.change(stop);
      // More comes soon: it travels along. The end is told at once.
      if (!prompt) await pause(BATCH_MS, { signal: stop });
    }
  }

  /** What was told of each vertex last. */
  latest(): readonly Vertex[] {
    return [...this.vertices.values()];
  }

  private skipInputs(vertex: Vertex): void {
    const skipped: Vertex[] = [];
    const stack = [...vertex.inputs];
    for (let digest = stack.pop(); digest !== undefined; digest = stack.pop()) {
      const input = this.vertices.get(digest);
      if (input === undefined || input.started !== undefined || input.cached) continue;
      const told = { ...input, cached: true, started: vertex.started, completed: vertex.started };
      this.vertices.set(digest, told);
      skipped.push(told);
      stack.push(...input.inputs);
    }
    // What lies deepest is told first, as if it had been done.
    for (const told of skipped.reverse()) this.push({ vertex: told });
  }

  private push(event: ProgressEvent): void {
    if (this.ended.signal.aborted) return;
    this.events.push(event);
    this.wake();
  }

  private wake(): void {
    for (const go of this.waiting) go();
    this.waiting.clear();
  }

  private change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const go = (): void => {
        signal.removeEventListener('abort', go);
        this.waiting.delete(go);
        resolve();
      };
      this.waiting.add(go);
      signal.addEventListener('abort', go, { once: true });
    });
  }

  private gather(from: number): { response: StatusResponse; next: number } {
    const response: StatusResponse = { vertexes: [], statuses: [], logs: [], warnings: [] };
    let bytes = 0;
    let at = from;
    for (; at < this.events.length && bytes < MESSAGE_BYTES && at - from < MESSAGE_EVENTS; at++) {
      const event = this.events[at];
      if (event === undefined) continue;
      if ('vertex' in event) response.vertexes.push(event.vertex);
      else if ('status' in event) response.statuses.push(event.status);
      else if ('log' in event) {
        response.logs.push(event.log);
        bytes += event.log.msg.length;
      } else response.warnings.push(event.warning);
    }
    return { response, next: at };
  }
}
