import type { Timestamp } from '@gantry/api/google/protobuf/timestamp';
import type { BuildHistoryRecord, Vertex, VertexStatus } from '@gantry/api/moby/buildkit/v1/control';
import type { KeyValue } from '@gantry/api/opentelemetry/proto/common/v1/common';
import { Span, Span_SpanKind as Kind, Status_StatusCode as Code } from '@gantry/api/opentelemetry/proto/trace/v1/trace';
import { type CallContext, childTrace, parseTraceparent } from '@gantry/rpc';
import type { JobProgress } from '../progress/job-progress';
import type { RecordedSpan } from './recorded';

const SOLVE = 'moby.buildkit.v1.Control/Solve';
const NAME = 'gantry-build';

/** The span that a build is: of the call that asks for it, below the one that its client sent. */
export interface BuildSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
}

export function buildSpan(ctx: CallContext): BuildSpan {
  const { traceId, spanId } = parseTraceparent(ctx.traceparent) ?? childTrace();
  const above = parseTraceparent(ctx.sent?.('traceparent')[0]);
  return { traceId, spanId, parentSpanId: above?.traceId === traceId ? above.spanId : '' };
}

/** The builder's own spans of a build that is over: the call, each step below it, and below a step what it told of itself (transfers, unpacking, pushes). */
export async function buildSpans(
  { traceId, spanId, parentSpanId }: BuildSpan,
  record: BuildHistoryRecord,
  progress: JobProgress | undefined,
): Promise<readonly RecordedSpan[]> {
  const made: Span[] = [];
  const add = (span: Partial<Span> & { readonly spanId: Buffer }): void =>
    void made.push(Span.fromPartial({ traceId: Buffer.from(traceId, 'hex'), flags: 1, kind: Kind.SPAN_KIND_INTERNAL, ...span }));
  add({
    spanId: Buffer.from(spanId, 'hex'),
    parentSpanId: Buffer.from(parentSpanId, 'hex'),
    name: SOLVE,
    kind: Kind.SPAN_KIND_SERVER,
    ...times(record.CreatedAt, record.CompletedAt),
    attributes: [text('rpc.system', 'grpc'), text('rpc.service', 'moby.buildkit.v1.Control'), text('rpc.method', 'Solve')],
    status: statusOf(record.error?.message ?? ''),
  });
  const newId = (): Buffer => Buffer.from(childTrace().spanId, 'hex');
  const { vertices, statuses } = await toldOf(progress);
  const ids = new Map<string, Buffer>();
  for (const { digest, name, started, completed, cached, error } of vertices.values()) {
    if (started === undefined) continue;
    const id = newId();
    ids.set(digest, id);
    const attributes = [text('vertex', digest), { key: 'cached', value: { boolValue: cached } }];
    add({ spanId: id, parentSpanId: Buffer.from(spanId, 'hex'), name, ...times(started, completed), attributes, status: statusOf(error) });
  }
  for (const { vertex, ID: name, started, completed } of statuses.values()) {
    const parent = ids.get(vertex);
    if (started !== undefined && completed !== undefined && parent !== undefined)
      add({ spanId: newId(), parentSpanId: parent, name, ...times(started, completed), attributes: [text('vertex', vertex)] });
  }
  return made.map((span) => ({ span, resource: [text('service.name', NAME)], scope: { name: NAME, version: '', schemaUrl: '' } }));
}

/** The last that was told of each step, and of each of its statuses. */
async function toldOf(progress: JobProgress | undefined): Promise<{
  readonly vertices: ReadonlyMap<string, Vertex>;
  readonly statuses: ReadonlyMap<string, VertexStatus>;
}> {
  const vertices = new Map<string, Vertex>();
  const statuses = new Map<string, VertexStatus>();
  if (progress === undefined) return { vertices, statuses };
  for await (const response of progress.watch(new AbortController().signal)) {
    for (const vertex of response.vertexes) vertices.set(vertex.digest, vertex);
    for (const status of response.statuses) statuses.set(`${status.vertex} ${status.ID}`, status);
  }
  return { vertices, statuses };
}

const text = (key: string, stringValue: string): KeyValue => ({ key, value: { stringValue } });

const statusOf = (message: string): Span['status'] => ({ message, code: message === '' ? Code.STATUS_CODE_UNSET : Code.STATUS_CODE_ERROR });

function times(started: Timestamp | undefined, completed: Timestamp | undefined): Pick<Span, 'startTimeUnixNano' | 'endTimeUnixNano'> {
  const start = nanos(started);
  return { startTimeUnixNano: start, endTimeUnixNano: completed === undefined ? start : nanos(completed) };
}

const nanos = (at: Timestamp | undefined): bigint => (at === undefined ? 0n : at.seconds * 1_000_000_000n + BigInt(at.nanos));
