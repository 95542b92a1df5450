import type { AnyValue, KeyValue } from '@gantry/api/opentelemetry/proto/common/v1/common';
import { Status_StatusCode as Code } from '@gantry/api/opentelemetry/proto/trace/v1/trace';
import { formatJson } from '@gantry/oci';
import type { RecordedSpan } from './recorded';

/** Codes as Go's SDK counts them. */
const codes = { [Code.STATUS_CODE_UNSET]: 0, [Code.STATUS_CODE_ERROR]: 1, [Code.STATUS_CODE_OK]: 2 } as const satisfies Record<
  Code,
  number
>;
const NONE = { trace: '0'.repeat(32), span: '0'.repeat(16) };

/** Spans as BuildKit keeps them beside the record of a build (`application/vnd.buildkit.otlp.json.v0`): those of Go's SDK in JSON, one after the other. */
export function stubs(spans: readonly RecordedSpan[]): Buffer {
  const children = new Map<string, number>();
  for (const { span } of spans) {
    const parent = span.parentSpanId.toString('hex');
    children.set(parent, (children.get(parent) ?? 0) + 1);
  }
  return Buffer.from(spans.map((each) => `${formatJson(stub(each, children.get(each.span.spanId.toString('hex')) ?? 0), 2)}\n`).join(''));
}

function stub({ span, resource, scope }: RecordedSpan, children: number): object {
  const traceId = span.traceId.toString('hex');
  const library = { Name: scope.name, Version: scope.version, SchemaURL: scope.schemaUrl, Attributes: null };
  const hasParent = span.parentSpanId.length > 0;
  return {
    Name: span.name,
    SpanContext: contextOf(traceId, span.spanId.toString('hex'), span.traceState),
    Parent: contextOf(hasParent ? traceId : NONE.trace, hasParent ? span.parentSpanId.toString('hex') : NONE.span, ''),
    SpanKind: span.kind,
    StartTime: time(span.startTimeUnixNano),
    EndTime: time(span.endTimeUnixNano),
    Attributes: attributes(span.attributes),
    Events: span.events.map((event) => ({
      Name: event.name,
      Attributes: attributes(event.attributes),
      DroppedAttributeCount: event.droppedAttributesCount,
      Time: time(event.timeUnixNano),
    })),
    Links: span.links.map((link) => ({
      SpanContext: contextOf(
        link.traceId.toString('hex').padStart(32, '0'),
        link.spanId.toString('hex').padStart(16, '0'),
        link.traceState,
      ),
      Attributes: attributes(link.attributes),
      DroppedAttributeCount: link.droppedAttributesCount,
    })),
    Status: { Code: codes[span.status?.code ?? Code.STATUS_CODE_UNSET] ?? 0, Description: span.status?.message ?? '' },
    DroppedAttributes: span.droppedAttributesCount,
    DroppedEvents: span.droppedEventsCount,
    DroppedLinks: span.droppedLinksCount,
    ChildSpanCount: children,
    Resource: attributes(resource),
    InstrumentationScope: library,
    InstrumentationLibrary: library,
  };
}

const contextOf = (TraceID: string, SpanID: string, TraceState: string): object => ({
  TraceID,
  SpanID,
  TraceFlags: '01',
  TraceState,
  Remote: false,
});

const attributes = (pairs: readonly KeyValue[]): object[] =>
  pairs.flatMap(({ key, value }) => {
    const typed = value && typedValue(value);
    return typed === undefined ? [] : [{ Key: key, Value: typed }];
  });

/** Lists are told as texts whatever is in them: what reads them (buildx) knows no others in JSON. */
function typedValue(value: AnyValue): { readonly Type: string; readonly Value: unknown } | undefined {
  if (value.stringValue !== undefined) return { Type: 'STRING', Value: value.stringValue };
  if (value.boolValue !== undefined) return { Type: 'BOOL', Value: value.boolValue };
  if (value.intValue !== undefined) return { Type: 'INT64', Value: value.intValue };
  if (value.doubleValue !== undefined)
    return Number.isFinite(value.doubleValue)
      ? { Type: 'FLOAT64', Value: value.doubleValue }
      : { Type: 'STRING', Value: String(value.doubleValue) };
  if (value.arrayValue !== undefined) return { Type: 'STRINGSLICE', Value: value.arrayValue.values.map(textOf) };
  if (value.kvlistValue !== undefined || value.bytesValue !== undefined) return { Type: 'STRING', Value: textOf(value) };
  return undefined;
}

function textOf(value: AnyValue): string {
  const plain = plainOf(value);
  return typeof plain === 'string' ? plain : formatJson(plain);
}

function plainOf(value: AnyValue): unknown {
  if (value.arrayValue !== undefined) return value.arrayValue.values.map(plainOf);
  if (value.kvlistValue !== undefined)
    return Object.fromEntries(value.kvlistValue.values.map(({ key, value: own }) => [key, own === undefined ? null : plainOf(own)]));
  if (value.bytesValue !== undefined) return value.bytesValue.toString('base64');
  return value.stringValue ?? value.boolValue ?? value.intValue ?? value.doubleValue ?? null;
}

function time(nanos: bigint): string {
  const whole = new Date(Number(nanos / 1_000_000_000n) * 1000);
  const seconds = Number.isNaN(whole.getTime()) ? new Date(0) : whole;
  return `${seconds.toISOString().slice(0, 19)}.${String(nanos % 1_000_000_000n).padStart(9, '0')}Z`;
}
