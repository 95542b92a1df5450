import { Span } from '@gantry/api/opentelemetry/proto/trace/v1/trace';
import type { RecordedSpan } from './recorded';

/** How long spans of a trace that no build belongs to are kept: a client sends some before it asks for its build. */
const KEEP_MS = 60_000;
const LIMITS = { trace: 4 << 20, all: 32 << 20 };
const TRACE_ID = 16;
const SPAN_ID = 8;

interface Trace {
  readonly spans: RecordedSpan[];
  bytes: number;
  listeners: number;
  last: number;
}

export interface TraceListener {
  /** All that came so far. */
  spans(): readonly RecordedSpan[];
  end(): void;
}

/** What clients told of their own parts of builds, until the record of the build is whole. Bounded, whatever they send. */
export class TraceStore {
  private readonly traces = new Map<string, Trace>();
  private bytes = 0;

  constructor(
    private readonly limits = LIMITS,
    private readonly now: () => number = Date.now,
  ) {}

  /** Takes spans; resolves with the number of those for which there is no place. */
  take(spans: readonly RecordedSpan[]): number {
    this.expire();
    return spans.filter((each) => !this.takeOne(each)).length;
  }

  /** The spans of a trace are kept until all its listeners have ended. */
  listen(traceId: string): TraceListener {
    this.expire();
    const trace = this.open(traceId);
    trace.listeners++;
    let ended = false;
    return {
      spans: () => trace.spans,
      end: () => {
        if (ended) return;
        ended = true;
        trace.last = this.now();
        if (--trace.listeners === 0) this.drop(traceId, trace);
      },
    };
  }

  private takeOne(recorded: RecordedSpan): boolean {
    const { span } = recorded;
    if (span.traceId.length !== TRACE_ID || span.spanId.length !== SPAN_ID) return false;
    const bytes = Span.encode(span).finish().length;
    if (this.bytes + bytes > this.limits.all) this.makeRoom(bytes);
    const trace = this.open(span.traceId.toString('hex'));
    if (trace.bytes + bytes > this.limits.trace || this.bytes + bytes > this.limits.all) return false;
    trace.spans.push(recorded);
    trace.bytes += bytes;
    trace.last = this.now();
    this.bytes += bytes;
    return true;
  }

  private open(id: string): Trace {
    const trace = this.traces.get(id) ?? { spans: [], bytes: 0, listeners: 0, last: this.now() };
    this.traces.set(id, trace);
    return trace;
  }

  private expire(): void {
    const before = this.now() - KEEP_MS;
    for (const [id, trace] of this.traces) if (trace.listeners === 0 && trace.last < before) this.drop(id, trace);
  }

  /** Traces that no build belongs to go first, the oldest before the others. */
  private makeRoom(bytes: number): void {
    for (const [id, trace] of this.traces) {
      if (this.bytes + bytes <= this.limits.all) return;
      if (trace.listeners === 0) this.drop(id, trace);
    }
  }

  private drop(id: string, trace: Trace): void {
    if (this.traces.get(id) === trace && this.traces.delete(id)) this.bytes -= trace.bytes;
  }
}
